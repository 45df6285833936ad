"""Metadata files of folders and tables of `--captions`, and the captions that images get.

Each folder holds the pictures a.png and b.png, or images/a.png and images/b.png.
"""

from typing import Any

from tests.hostile.tables.case import Case, lines, parquet, picture

BESIDE = {"a.png": picture(0), "b.png": picture(1)}
BELOW = {f"images/{name}": content for name, content in BESIDE.items()}
NONE = {"a.png": "", "b.png": ""}


def beside(
    name: str, file: str, content: bytes | str, a: str = "", b: str = "", **more: Any
) -> Case:
    data = content.encode() if isinstance(content, str) else content
    return Case(f"{name} ({file})", {**BESIDE, file: data}, _taken("", a, b, more), **more)


def below(
    name: str, file: str, content: bytes | str, a: str = "", b: str = "", **more: Any
) -> Case:
    data = content.encode() if isinstance(content, str) else content
    return Case(f"{name} ({file})", {**BELOW, file: data}, _taken("images/", a, b, more), **more)


def captions(
    name: str, file: str, content: bytes | str, a: str = "", b: str = "", **more: Any
) -> Case:
    """Return a folder whose captions come from a table elsewhere."""
    data = content.encode() if isinstance(content, str) else content
    files = {**{f"p/{each}": picture for each, picture in BESIDE.items()}, file: data}
    options = {**more.pop("options", {}), "captions": file}
    taken = _taken("", a, b, more)
    return Case(f"{name} ({file})", files, taken, give="p", options=options, **more)


def _taken(folder: str, a: str, b: str, more: dict[str, Any]) -> dict[str, str]:
    if "error" in more:
        return {}
    texts = {f"{folder}a.png": a, f"{folder}b.png": b}
    return {name: text for name, text in texts.items() if name not in more.get("refused", {})}


def told(num: int, unmatched: str, repeated: int = 0) -> tuple[str, ...]:
    have = "image has" if num == 1 else "images have"
    return (f"{num} {have} a caption", f"names without an image: {unmatched}; repeated "
            f"names: {repeated}")  # fmt: skip


ROWS = [{"file_name": "a.png", "text": "one"}, {"file_name": "b.png", "text": "two"}]
DEEP = [{**row, "file_name": f"images/{row['file_name']}"} for row in ROWS]
COLUMNS = {key: [row[key] for row in ROWS] for key in ("file_name", "text")}
FOLDERS = (
    beside("beside", "metadata.csv", "file_name,text\na.png,one\nb.png,two\n", "one", "two",
           told=told(2, "0")),
    beside("beside", "metadata.jsonl", lines(*ROWS), "one", "two", told=told(2, "0")),
    beside("beside", "metadata.parquet", parquet(**COLUMNS), "one", "two", told=told(2, "0")),
    below("above", "metadata.csv", "file_name,text\nimages/a.png,one\n./images/b.png,two\n",
          "one", "two", told=told(2, "0")),
    below("above", "metadata.jsonl", lines(*DEEP), "one", "two", told=told(2, "0")),
    below("above", "metadata.parquet",
          parquet(file_name=["images/a.png", "images//./b.png"], text=["one", "two"]),
          "one", "two", told=told(2, "0")),
    below("names of the folder below", "metadata.csv", "file_name,text\na.png,one\n",
          told=told(0, r"1 \(a\.png\)")),
    beside("a dot before", "metadata.csv", "file_name,text\n./a.png,one\n", "one",
           told=told(1, "0")),
    below("back slashes", "metadata.csv", "file_name,text\nimages\\a.png,one\n", "one",
          told=told(1, "0")),
    below("there and back", "metadata.csv", "file_name,text\nimages/x/../a.png,one\n", "one",
          told=told(1, "0")),
    beside("outside", "metadata.csv", "file_name,text\n../a.png,one\n/etc/b.png,x\n",
           told=told(0, r"2 \(\.\./a\.png, /etc/b\.png\)")),
    beside("other images", "metadata.csv", "file_name,text\nx.png,1\ny.png,2\nz.png,3\nw.png,4\n",
           told=told(0, r"4 \(x\.png, y\.png, z\.png, \.\.\.\)")),
    beside("a name twice", "metadata.csv", "file_name,text\na.png,one\na.png,two\n", "one",
           told=told(1, "0", 1)),
    beside("capitals", "metadata.csv", "file_name,text\nA.PNG,one\n", told=told(0, r"1 \(A.PNG\)")),
    Case("the nearest counts",
         {**BELOW, "metadata.jsonl": lines(*DEEP),
          "images/metadata.jsonl": lines({"file_name": "a.png", "text": "x"})},
         {"images/a.png": "x", "images/b.png": "two"}, told=told(2, r"1 \(images/a\.png\)")),
    Case("two files", {**BESIDE, "metadata.csv": b"", "metadata.jsonl": b""},
         error=r"has metadata\.csv and metadata\.jsonl: keep one"),
    Case("a table of pictures of this name", {"metadata.parquet": parquet(image=[picture()])},
         {"metadata.parquet/0": ""}),
    Case("a table of others beside", {**BESIDE, "x.parquet": parquet(price=[1])}, NONE,
         told=("Passed over: 1 table without images",)),
    Case("a caption beside, none in it", {**BESIDE, "a.txt": b"one", "metadata.csv":
                                          b"file_name,text\nb.png,two\n"},
         {"a.png": "one", "b.png": "two"}, told=told(2, "0")),
    beside("no rows", "metadata.csv", "file_name,text\n", told=told(0, "0")),
    beside("no such column", "metadata.csv", "filename,text\na.png,x\n",
           error="must have the column file_name and .*did you mean 'file_name'"),
    beside("no header", "metadata.csv", "a.png,a red apple\n", error="its first row is no header"),
    beside("no JSON", "metadata.jsonl", "{no", error="none that can be used; .*: line 1: not val"),
    beside("no Parquet", "metadata.parquet", "PAR1", error="is not a Parquet file"),
)  # fmt: skip

VALUES = (("a list", '["one", "uno"]', "has 2 captions, a list"), ("NaN", "NaN", "holds NaN"),
          ("a number", "3", "holds a number"), ("an object", "{}", "holds an object"),
          ("a boolean", "true", "holds true or false"),
          ("a surrogate", '"\\ud83e"', "not valid UTF-8"),
          ("NUL", '"a\\u0000b"', "holds NUL"),
          ("lists in a list", '[["a"]]', "holds a list, and a"),
          ("a list with nothing", '["a", null]', "holds a list, and a value of it holds nothing"),
          )  # fmt: skip
TEXTS = (
    *(kind(what, file, f'{{"file_name":"a.png","text":{value}}}\n{{"file_name":"b.png",'
           '"text":"two"}\n', "", "two", refused={"a.png": why})
      for what, value, why in VALUES
      for kind, file in ((beside, "metadata.jsonl"), (captions, "t.jsonl"))),
    *(kind("null and nothing", file, '{"file_name":"a.png","text":null}\n{"file_name":"b.png"}\n'
           '{"file_name":"c.png","text":"x"}\n', "", "", told=(r"1 \(c.png\)",))
      for kind, file in ((beside, "metadata.jsonl"),)),
    *(kind("the first", file, lines({"file_name": "a.png", "text": ["one", "uno"]}), "one",
           options={"caption_choice": "first"})
      for kind, file in ((beside, "metadata.jsonl"), (captions, "t.jsonl"))),
    captions("lists", "t.parquet", parquet(key=["a", "b"], caption=[["one", "uno"], ["two"]]),
             "one", "two", options={"caption_choice": "first"}),
    captions("numbers", "t.parquet", parquet(key=["a"], caption=[1]), error="holds int64, not te"),
    captions("NaN", "t.parquet", parquet(key=["a"], caption=[float("nan")]),
             error="holds double, not text"),
    captions("bytes", "t.parquet", parquet(key=[b"a", b"b"], caption=[b"one", b"caf\xe9"]), "one",
             refused={"b.png": "row 2: not valid UTF-8"}),
)  # fmt: skip

HEAD = "file_name,text\n"
BROKEN = tuple(
    case
    for kind, file, one in ((beside, "metadata.csv", "1"), (captions, "t.csv", "1"))
    for case in (
        kind("too many cells", file, f"{HEAD}a.png,a red, round apple\nb.png,two\n", "", "two",
             refused={"a.png": "row 1: 3 cells where the header has 2"}),
        kind("too few cells", file, f"{HEAD}a.png\nb.png,two\n", "", "two",
             refused={"a.png": "row 1: no text under 'text'"}),
        kind("an open quote", file, f'{HEAD}a.png,"one\nb.png,two\n', error="never closed"),
        kind("text behind a quote", file, f'{HEAD}a.png,"o" e\nb.png,two\n', "", "two",
             refused={file: "row 1: not valid CSV"}),
        kind("bytes that are no UTF-8", file, HEAD.encode() + b"a.png,caf\xe9\nb.png,two\n", "",
             "two", refused={"a.png": "row 1: not valid UTF-8"}),
        kind("a name that is no UTF-8", file, HEAD.encode() + b"caf\xe9.png,one\nb.png,two\n", "",
             "two", refused={file: "row 1: file_name is not valid UTF-8"}),
        kind("no name", file, f"{HEAD},one\nb.png,two\n", "", "two",
             refused={file: "row 1: file_name is missing"}),
        kind("a broken row of no image", file, f"{HEAD}x.png,1,2\nb.png,two\n", "", "two",
             refused={file: "row 1: 3 cells"}),
        kind("a blank row", file, f"{HEAD}\nb.png,two\n", "", "two"),
        kind("two lines in quotes", file, f'{HEAD}b.png,"two\nlines"\n', "", "two\nlines"),
        kind("semicolons", file, "file_name;text\nb.png;two, 2\n", "", "two, 2",
             told=("is delimited by semicolons",)),
        kind("tabs", file, "file_name\ttext\nb.png\ttwo\n", "", "two", told=("by tabs",)),
        kind("bars", file, "file_name|text\nb.png|two\n", "", "two", told=("by vertical bars",)),
        kind("UTF-16", file, f"{HEAD}a.png,one\n".encode("utf-16"), error="is UTF-16, not UTF-8"),
        kind("UTF-16 without a mark", file, f"{HEAD}a.png,one\n".encode("utf-16-le"),
             error="is UTF-16, not UTF-8"),
        kind("two columns of one name", file, "file_name,text,text\na.png,1,2\n",
             error="has 2 columns 'text'"),
    )
)  # fmt: skip

LINES = tuple(
    case
    for kind, file in ((beside, "metadata.jsonl"), (captions, "t.jsonl"))
    for case in (
        kind("no name", file, lines(ROWS[0], {"text": "two"}), "one", "",
             refused={file: "line 2: file_name is missing"}),
        kind("no JSON in a line", file, lines(ROWS[1]) + b"{no\n", "", "two",
             refused={file: "line 2: not valid JSON"}),
        kind("a list for a row", file, lines(ROWS[1], [1]), "", "two",
             refused={file: "line 2: no object"}),
        kind("brackets without end", file, lines(ROWS[1]) + b"[" * 100_000 + b"\n", "", "two",
             refused={file: "line 2: not valid JSON: too long a number, or too deep"}),
        kind("keys of later rows", file, lines({"id": 1, "file_name": "x"}, *ROWS), "one", "two",
             told=(r"without an image: 1 \(x\)",)),
        kind("another key in another row", file, lines(ROWS[0], {"file_name": "b.png", "caption":
             "two"}), "one", "two"),
        kind("bytes that are no UTF-8", file, lines(ROWS[1]) + b'{"file_name":"a.png","x":"\xe9"}',
             "", "two", refused={file: "line 2: not valid UTF-8"}),
        kind("UTF-16", file, lines(*ROWS).decode().encode("utf-16"), error="is UTF-16"),
    )
)  # fmt: skip

BESIDE_TEXTS = (
    beside("bytes that are no UTF-8", "a.txt", b"caf\xe9", refused={"a.png": "not valid UTF-8"}),
    beside("UTF-16", "a.txt", "one".encode("utf-16"), refused={"a.png": "not valid UTF-8"}),
    beside("NUL", "a.txt", b"a\0b", refused={"a.png": "holds NUL"}),
    beside("a mark", "a.txt", "\ufeffone\r\n", "one"),
)
NAMES = (
    captions("a key of numbers", "t.jsonl",
             lines({"key": 1, "text": "x"}, {"key": "a", "text": "one"}), "one",
             told=(r"1 \(1\)",)),
    captions("a number for a name", "t.jsonl", lines({"key": 1.5, "text": "x"}, {"key": "a", "text":
             "one"}), "one", refused={"t.jsonl": "line 1: key is no text"}),
    captions("a path from the table", "t.csv", "path,text\n./p/../p/a.png,one\n", "one"),
    captions("none fits", "t.csv", "file_name,text\nx.png,one\n", error="match none of the images"),
    captions("no rows", "t.csv", "file_name,text\n", error="has no rows"),
    captions("no usual column", "t.csv", "file_name,q\na.png,1\n", error="and one of .* it has"),
    captions("another kind", "t.json", "[]", error=r"Captions must be a \.csv"),
)  # fmt: skip

CAPTIONS = (*FOLDERS, *TEXTS, *BROKEN, *LINES, *BESIDE_TEXTS, *NAMES)

"""Files of prompts, and the prompts that are read from them."""

import gzip

import pyarrow as pa

from tests.hostile.tables.case import Case, arrow, lines, parquet, picture, tar

HEADER = "has no header: its first row is"
ONE, TWO = ["a cat"], ["a cat", "a dog"]


def file(name: str, suffix: str, content: bytes | str, *taken: str, **more: object) -> Case:
    data = content.encode() if isinstance(content, str) else content
    given = f"p{suffix}"
    return Case(f"{name} ({suffix})", {given: data}, list(taken), give=given, **more)  # type: ignore[arg-type]


def by(words: str) -> tuple[str, ...]:
    return (f"is delimited by {words}.",)


def only(name: str) -> str:
    return f"The only column of .* is '{name}', not prompt or text or caption or txt"


DELIMITERS = (
    file("semicolons", ".csv", "id;prompt\n1;a cat\n2;a dog\n", *TWO, told=by("semicolons")),
    file("tabs", ".csv", "id\tprompt\n1\ta cat\n", *ONE, told=by("tabs")),
    file("bars", ".csv", "id|text|x\n1|a cat|2\n", *ONE, told=by("vertical bars")),
    file("commas", ".tsv", "id,caption\n1,a cat\n", *ONE, told=by("commas")),
    file("semicolons", ".csv.gz", gzip.compress(b"n;txt\n1;a cat\n"), *ONE, told=by("semicolons")),
    file("semicolons and quotes", ".csv", '"id";"prompt"\n1;"a; cat"\n', "a; cat", told=by("semi")),
    file("commas in rows of semicolons", ".csv", "n;prompt\n1;a, cat\n", "a, cat", told=by("semi")),
    file("a mark before it", ".csv", "\ufeffprompt;n\na cat;1\n", *ONE, told=by("semicolons")),
    file("blank lines above", ".csv", "\n\nid;prompt\n1;a cat\n", *ONE, told=by("semicolons")),
    file("the column that is asked for", ".csv", "id;q\n1;a cat\n", *ONE,
         told=by("semicolons"), options={"column": "q"}),
    file("one column, other marks in its texts", ".csv", "prompt\na;b|c\n", "a;b|c"),
    file("marks in the name of another column", ".csv", "a;b,prompt\n1,a cat\n", *ONE),
    file("too many cells", ".csv", "id;prompt\n1;a;b\n2;a dog\n", "a dog",
         refused={"1": "3 cells where the header has 2"}, told=by("semicolons")),
    file("two of one name", ".csv", "prompt,prompt\na,b\n", error="has 2 columns 'prompt'"),
)  # fmt: skip

COLUMNS = (
    file("another name", ".csv", "q\na cat\n", error=only("q")),
    file("another name", ".tsv", "q\na cat\n", error=only("q")),
    file("addresses", ".csv", "url\nhttp://x/1.jpg\n", error=only("url")),
    file("another name", ".parquet", parquet(q=["a cat"]), error=only("q")),
    file("another name", ".arrow", arrow(q=["a cat"]), error=only("q")),
    file("another key", ".jsonl", lines({"q": "a cat"}, {"q": "a dog"}), error=only("q")),
    file("asked for", ".csv", "q\na cat\n", *ONE, options={"column": "q"}),
    file("asked for", ".parquet", parquet(q=["a cat"]), *ONE, options={"column": "q"}),
    file("asked for", ".jsonl", lines({"q": "a cat"}), *ONE, options={"column": "q"}),
    file("several", ".csv", "id,q\n1,a cat\n", error=r"by --column: \['id', 'q'\]"),
    file("numbers", ".parquet", parquet(prompt=[1, 2]), error="holds int64, not text"),
    file("lists", ".parquet", parquet(prompt=[["a"]]), error="holds list.*, not text"),
    file("a dictionary", ".parquet", parquet(prompt=pa.array(TWO).dictionary_encode()), *TWO),
    file("views", ".parquet", parquet(prompt=pa.array(TWO, pa.string_view())), *TWO),
    file("bytes", ".parquet", parquet(prompt=[b"a cat", b"caf\xe9"]), *ONE,
         refused={"2": "not valid UTF-8 at byte 3"}),
)  # fmt: skip

HEADERS = (
    file("no header", ".csv", "a cat\na dog\n", error=HEADER),
    file("no header, numbers", ".csv", "1,a cat\n2,a dog\n", error=HEADER),
    file("no header", ".tsv", "0001.jpg\ta cat\n", error=HEADER),
    file("no header, quotes", ".csv", '"a cat, red"\n', error=HEADER),
    file("no header, addresses", ".csv", "http://x/1.jpg,a cat\n", error=HEADER),
    file("a header that is asked for", ".csv", "a cat\na dog\n", "a dog",
         options={"column": "a cat"}),
    file("one word", ".csv", "cat\ndog\n", error=only("cat")),
    file("nothing", ".csv", "", error="holds no usable prompt"),
)  # fmt: skip

KEYS = (
    file("a later row", ".jsonl", lines({"id": "x1"}, {"id": "x2", "prompt": "a cat"}), *ONE,
         refused={"1": "no prompt or text or caption or txt in"}),
    file("other keys in other rows", ".jsonl", lines({"text": "a cat"}, {"txt": "a dog"}), *TWO),
    file("the first found goes first", ".jsonl",
         lines({"caption": "a cat"}, {"prompt": "x", "caption": "a dog"}), *TWO),
    file("texts between", ".jsonl", lines("a cat", {"q": 1}, "a dog"), *TWO,
         refused={"2": "no prompt or text"}),
    file("a key of another row", ".jsonl", lines({"id": 1}, {"q": "a cat"}), *ONE,
         refused={"1": "no q in"}, options={"column": "q"}),
    file("none has it", ".jsonl", lines({"id": 1}, {"cap": "a cat"}), error="by --column"),
    file("a misspelt column", ".jsonl", lines({"prompt": "a cat"}), options={"column": "promt"},
         error="did you mean 'prompt'"),
    file("lists", ".jsonl", lines({"prompt": ["a"]}, {"prompt": "a cat"}), *ONE,
         refused={"1": "no text under 'prompt'"}),
    file("NaN and objects", ".jsonl",
         b'{"prompt": NaN}\n{"prompt": {}}\n{"prompt": "a cat"}\n{"prompt": 3}\n', *ONE,
         refused={"1": "no text", "2": "no text", "4": "no text"}),
)  # fmt: skip

ENCODINGS = (
    file("utf-16", ".csv.gz", gzip.compress("prompt\n".encode("utf-16")), error="is UTF-16"),
    *(
        file(f"{encoding}, {what}", suffix, text.encode(encoding), error=f"is {named}, not UTF-8")
        for suffix, what, text in (
            (".csv", "a header", "id,prompt\n1,a cat\n"),
            (".tsv", "a header", "id\tprompt\n1\ta cat\n"),
            (".jsonl", "a line", '{"prompt": "a cat"}\n'),
            (".txt", "a line", "a cat\n"),
        )
        for encoding, named in (
            ("utf-16", "UTF-16"),
            ("utf-16-le", "UTF-16"),
            ("utf-16-be", "UTF-16"),
            ("utf-32", "UTF-32"),
        )
    ),
)

QUOTES = (
    file("an open quote", ".csv", 'prompt\na cat\n"a dog\n', error="is a quote never closed"),
    file("an open quote", ".tsv", 'id\tprompt\n1\t"a dog\n', error="is a quote never closed"),
    file("text behind one", ".csv", 'prompt\n"a" b\na cat\n', *ONE, refused={"1": "not valid CSV"}),
    file("bytes", ".csv", b"prompt\na cat\ncaf\xe9\n", *ONE, refused={"2": "not valid UTF-8"}),
)

PROMPTS = (*DELIMITERS, *COLUMNS, *HEADERS, *KEYS, *ENCODINGS, *QUOTES)


def sample(name: str, text: str, **members: bytes) -> Case:
    return Case(name, {"s.tar": tar(a_png=picture(), **members)}, text, give="s.tar")


# Tars that hold pictures and texts: read by every command, with the same text.
SAMPLES = (
    *(sample(f"a member {name}", "one", **{f"a_{name}": b"one"})
      for name in ("txt", "caption", "text", "prompt")),
    *(sample(f"a key {name}", "one", a_json=lines({"id": 1, name: "one"}))
      for name in ("txt", "caption", "text", "prompt")),
    sample("a member before a key", "one", a_json=lines({"txt": "two"}), a_caption=b"one"),
    sample("the first of two members", "one", a_prompt=b"two", a_txt=b"one"),
    sample("a key that is null", "one", a_json=lines({"txt": None, "caption": "one"})),
    sample("capitals", "one", a_TXT=b"one"),
    sample("white space and a mark", "one", a_txt=b"  one \r\n"),
)  # fmt: skip

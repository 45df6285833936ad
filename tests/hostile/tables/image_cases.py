"""Tables with pictures in their cells, and those that are read."""

import pyarrow as pa

from tests.hostile.tables.case import Case, arrow, parquet, picture

P, Q = picture(0), picture(1)
TWO = pa.array([P, Q])
STRUCT = [{"bytes": P, "path": "a.png"}, {"bytes": Q, "path": None}]
HELD = r"The column 'image' of .* holds {}.*, not images"


def one(name: str, kind: str, columns: dict, taken: object, **more: object) -> Case:
    write = parquet if kind == "parquet" else arrow
    given = f"t.{kind}"
    texts = {f"{given}/{row}": text for row, text in enumerate(taken) if text is not None}  # type: ignore[arg-type, var-annotated]
    return Case(f"{name} ({kind})", {given: write(**columns)}, texts, give=given, **more)  # type: ignore[arg-type]


def both(name: str, cells: object, taken: object = ("t", "u"), **more: object) -> list[Case]:
    columns = {"image": cells, "caption": ["t", "u"]}
    return [one(name, kind, columns, taken, **more) for kind in ("parquet", "arrow")]


def refused(place: str, why: str) -> dict[str, object]:
    return {"refused": {place: why}}


LARGE = pa.struct([("bytes", pa.large_binary()), ("path", pa.string())])
CELLS = (
    *both("bytes", TWO),
    *both("bytes and path", STRUCT),
    *both("large", TWO.cast(pa.large_binary())),
    *both("a view", TWO.cast(pa.binary_view())),
    *both("a dictionary", TWO.dictionary_encode()),
    *both("a fixed size", pa.array([P, P], pa.binary(len(P)))),
    *both("large bytes and path", pa.array(STRUCT, LARGE)),
    *both("text", ["a.png", "b.png"], (), error=HELD.format("text") + ": give the folder"),
    *both("a list", [[1, 2], [3]], (), error=HELD.format("a list")),
    *both("numbers", [1, 2], (), error=HELD.format("int64")),
    *both("a path alone", [{"path": "a.png"}] * 2, (), error=HELD.format("struct")),
    *both("texts as bytes", [{"bytes": "x", "path": "y"}] * 2, (), error=HELD.format("struct")),
    *both("times", pa.array([1, 2], pa.timestamp("s")), (), error=HELD.format("timestamp")),
    *both("nothing at all", pa.nulls(2), (), error="the first was .*/0: the cell is null"),
)
ROWS = tuple(
    case
    for kind in ("parquet", "arrow")
    for case in (
        one("a path, no bytes", kind,
            {"image": [{"bytes": P, "path": "x"}, {"bytes": None, "path": "b.png"}]}, ("",),
            refused={f"t.{kind}/1": "the cell holds a path, no bytes: 'b.png'"}),
        one("null", kind, {"image": [P, None]}, ("",), refused={f"t.{kind}/1": "the cell is null"}),
        one("no byte", kind, {"image": [b"", P]}, (None, ""),
            refused={f"t.{kind}/0": "the cell holds no bytes"}),
        one("text beside bytes of another name", kind,
            {"image": ["a", "b"], "jpg": TWO}, ("", "")),
        one("texts of bytes", kind, {"image": TWO, "text": [b"t", b"caf\xe9"]}, ("t",),
            refused={f"t.{kind}/1": "its caption not valid UTF-8 at byte 3"}),
        one("numbers for captions", kind, {"image": TWO, "text": [1, 2]}, (),
            error="The column 'text' of .* holds int64, not text"),
        one("NaN for captions", kind, {"image": TWO, "caption": [1.0, float("nan")]}, (),
            error="holds double, not text"),
        one("lists of captions", kind, {"image": TWO, "caption": [["t", "u"], []]}, (None, ""),
            refused={f"t.{kind}/0": "has 2 captions, a list: choose by --caption-choice"}),
        one("the first of a list", kind, {"image": TWO, "caption": [["t", "u"], ["v"]]},
            ("t", "v"), options={"caption_choice": "first"}),
        one("lists of numbers", kind, {"image": TWO, "caption": [[1], [2]]}, (),
            error="holds list.*int64.*, not text"),
        one("a dictionary of captions", kind,
            {"image": TWO, "caption": pa.array(["t", "t"]).dictionary_encode()}, ("t", "t")),
        one("null captions", kind, {"image": TWO, "caption": pa.nulls(2)}, ("", "")),
        one("an asked column", kind, {"image": TWO, "caption": ["t", "u"], "fr": ["v", None]},
            ("v", ""), options={"column": "fr"}),
    )
)  # fmt: skip

IMAGES = (*CELLS, *ROWS)

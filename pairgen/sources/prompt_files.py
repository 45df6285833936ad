"""Read the entries of one prompt file: which formats are accepted, and how each is parsed.

| kind | an entry is |
|---|---|
| .txt | a line; only LF ends one, so lone CR, U+2028 and the like stay inside a prompt |
| .jsonl | a line: a string, or an object with the prompt under a key |
| .csv .tsv | a row below the header; CR, LF or both end one outside of quotes; "" is a quote |
| .parquet .arrow | a row; .arrow is a file of a saved hub dataset |
| .tar | a sample: its member `txt`, `caption`, `text` or `prompt`, else such a key of its `json` |

Every format except .parquet and .arrow may be compressed (.gz). Entries are handled as follows:

| what | rule |
|---|---|
| leading and trailing white space, the CR before LF | removed |
| nothing else | blank: skipped and counted |
| a byte order mark | removed at the start of a file, kept elsewhere |
| text not valid in UTF-8, lone surrogates of JSON | refused |
| NUL | refused: UTF-16 read as UTF-8 holds it, and much software cuts there |
| any other character: control, bidi, combining, astral | kept; nothing is normalized |
| a prompt longer than 1 MiB | refused |
| a line of .txt or .jsonl longer than 16 MiB | refused, and not held in memory |
| a line that is not JSON; a sample, key or cell without text | refused |
| a row with more cells than the header, or text behind a closing quote | refused |
| a quote that is never closed, or closed after more than 16 Mi characters | an error |
| a file that cannot be read to its end | an error |

Refused entries are listed with their number and reason. Every entry is accepted, blank, refused, a
duplicate, or beyond the limit.
"""

import csv
import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from pairgen.errors import ConfigError
from pairgen.sources.caption_tables import choose_column
from pairgen.sources.tables import table_batches, table_schema
from pairgen.sources.tars import read_samples

# Default column names, in order of preference.
USUAL_COLUMNS = ("prompt", "text", "caption", "txt")
# Tar members that hold captions, in order of preference.
TEXT_MEMBERS = ("txt", "caption", "text", "prompt")
STREAMS = (".txt", ".jsonl", ".csv", ".tsv", ".tar")
TABLES = (".parquet", ".arrow")
FORMATS = (*STREAMS, *(f"{suffix}.gz" for suffix in STREAMS), ".parquet")
# Table rows that are decoded at a time.
TABLE_ROWS = 1_000
MAX_LINE = 2**24
MAX_HELD = 200
TEXT_TYPES = ("string", "large_string", "string_view", "binary", "large_binary", "null")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# What a reader yields: the prompt, or the reason why there is none.
Found = str | ValueError


def prompt_format(path: Path) -> str:
    """Return a file's format, from its suffix: one of `STREAMS` or `TABLES`.

    Raises:
        ConfigError: The format is not supported.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
        if suffixes[-1:] == [".parquet"]:
            raise ConfigError(
                f"{path} cannot be streamed: Parquet is already compressed inside, so gunzip it."
            )
        known: Sequence[str] = STREAMS
    else:
        known = (*STREAMS, *TABLES)
    if suffixes[-1:] == [] or suffixes[-1] not in known:
        raise ConfigError(
            f"Prompts must be a {', '.join((*STREAMS, '.parquet'))} file (all but the last also as "
            f".gz), a folder, a glob, or - for standard input, got {str(path)!r}."
        )
    return suffixes[-1]


def read_prompt_file(path: Path, column: str = "") -> Iterator[Found]:
    """Yield the entries of a file in order, by the rules above.

    Args:
        path: Path of the file.
        column: Column, key or member to read; empty for a usual one, or the only one.

    Raises:
        ConfigError: The format is not supported, the file cannot be read to its end, or it has no
            such column.
    """
    suffix = prompt_format(path)
    with _readable(path):
        if suffix in TABLES:
            yield from _read_table(path, suffix[1:], column)
            return
        with _opened(path) as file:
            yield from STREAM_READERS[suffix](file, column, path)


def read_standard_input(column: str) -> Iterator[Found]:
    """Yield the lines of standard input.

    Raises:
        ConfigError: Standard input cannot be read, or a column is given.
    """
    path = Path("standard input")
    with _readable(path), open(0, "rb", closefd=False) as file:
        yield from _read_txt(file, column, path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn errors from damaged or vanished files into one sentence."""
    try:
        yield
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise ConfigError(f"{path} cannot be read: {reason}.") from None


@contextmanager
def _long_fields() -> Iterator[None]:
    """Raise the field size limit of the csv module, which is global to the process."""
    before = csv.field_size_limit()
    csv.field_size_limit(max(before, MAX_LINE))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _opened(path: Path) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        # GzipFile is a BinaryIO in all but name.
        return cast(BinaryIO, gzip.open(path))
    return open(path, "rb")


def _lines(file: BinaryIO) -> Iterator[bytes | ValueError]:
    """Yield the lines with their ends; of an over-long one, hold no more than allowed."""
    mark = BYTE_ORDER_MARK
    while line := file.readline(MAX_LINE + 1):
        if len(line) <= MAX_LINE:
            yield line.removeprefix(mark)
        else:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE)
            yield ValueError(f"a line longer than {MAX_LINE:,} bytes")
        mark = b""


def _read_txt(file: BinaryIO, column: str, path: Path) -> Iterator[Found]:
    if column:
        raise ConfigError(f"{path} is text and has no columns, but column {column!r} was given.")
    return (_decoded(line) for line in _lines(file))


def _read_jsonl(file: BinaryIO, column: str, path: Path) -> Iterator[Found]:
    name = ""
    for line in _lines(file):
        text = _decoded(line)
        if isinstance(text, ValueError) or not text.strip():
            yield text
            continue
        value = _parsed(text)
        if isinstance(value, dict):
            name = name or _prompt_column(list(value), column, path)
            value = value.get(name)
        if isinstance(value, str | ValueError):
            yield value
        else:
            yield ValueError(f"no text under {name!r}" if name else "no string and no object")


def _read_csv(file: BinaryIO, column: str, path: Path, delimiter: str = ",") -> Iterator[Found]:
    # Invalid UTF-8 becomes a lone surrogate, which is refused if it is in the prompt.
    with (
        io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
        _long_fields(),
    ):
        place, header = 0, list[str]()
        for row in _rows(text, delimiter, path):
            if isinstance(row, ValueError):
                if not header:
                    raise ConfigError(f"The header of {path} is {row}.")
                yield row
            elif not row:
                yield ""
            elif not header:
                place, header = row.index(_prompt_column(row, column, path)), row
            elif len(row) > len(header):
                yield ValueError(f"{len(row)} cells where the header has {len(header)}")
            elif place >= len(row):
                yield ValueError(f"no text under {header[place]!r}")
            else:
                yield row[place]


def _rows(lines: Iterator[str], delimiter: str, path: Path) -> Iterator[list[str] | ValueError]:
    """Yield the rows; refuse one with text after a closing quote, and go on at the next line.

    Raises:
        ConfigError: A quote is open at the end, or a field is too long: there is no telling which
            rows are lost in it.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            yield from reader
        except csv.Error as error:
            if "expected after" not in str(error):
                raise ConfigError(
                    f"{path}, line {reader.line_num}: {error}; is a quote never closed?"
                ) from None
            yield ValueError(f"not valid CSV: {error}")
        else:
            return


def _read_tar(file: BinaryIO, column: str, path: Path) -> Iterator[Found]:
    names = (column,) if column else TEXT_MEMBERS
    for number, members in enumerate(read_samples(file, {*names, "json"}.__contains__)):
        facts = _parsed((members.get("json") or b"{}").decode("utf-8", "surrogateescape"))
        facts = facts if isinstance(facts, dict) else {}
        text = next((each for name in names if (each := members.get(name)) is not None), None)
        value = next((facts[name] for name in names if name in facts), None)
        if text is not None:
            yield _decoded(text)
        elif isinstance(value, str):
            yield value
        else:
            held = f"members {', '.join(members)}; keys of json {', '.join(facts) or 'none'}"
            held = held[:MAX_HELD]
            if column and not number and column not in facts:
                raise ConfigError(f"{path} has no {column!r}; its first sample has the {held}.")
            yield ValueError(f"no {' or '.join(names)}; {held}")


def _read_table(path: Path, kind: str, column: str) -> Iterator[Found]:
    schema = table_schema(path, kind)
    name = _prompt_column(schema.names, column, path)
    held = schema.field(schema.names.index(name)).type
    dictionary = pa.types.is_dictionary(held)
    if str(held.value_type if dictionary else held) not in TEXT_TYPES:
        raise ConfigError(f"The column {name!r} of {path} holds {held}, not text.")
    for batch in table_batches(path, kind, [name], TABLE_ROWS):
        cells = batch.column(0)
        # As bytes: whoever wrote the file may have put anything there.
        raws = (cells.dictionary_decode() if dictionary else cells).cast(pa.large_binary())
        for raw in raws.to_pylist():
            yield ValueError(f"no text under {name!r}") if raw is None else _decoded(raw)


StreamReader = Callable[[BinaryIO, str, Path], Iterator[Found]]
STREAM_READERS: dict[str, StreamReader] = {
    ".txt": _read_txt,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".tsv": partial(_read_csv, delimiter="\t"),
    ".tar": _read_tar,
}


def _decoded(raw: bytes | ValueError) -> Found:
    if isinstance(raw, ValueError):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return ValueError(f"not valid UTF-8 at byte {error.start}")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return ValueError(f"not valid JSON: {error.msg}")
    except (ValueError, RecursionError):
        # A number with thousands of digits, or brackets nested as deep.
        return ValueError("not valid JSON: too long a number, or too deep")


def _prompt_column(columns: Sequence[str], column: str, path: Path) -> str:
    found = choose_column(columns, column, path, USUAL_COLUMNS)
    if found or len(columns) == 1:
        return found or columns[0]
    raise ConfigError(f"Name the column of {path} that holds the prompts by --column: {columns}.")

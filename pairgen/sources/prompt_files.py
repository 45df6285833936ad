"""Read the entries of one prompt file: which formats are accepted, and how each is parsed.

| kind | an entry is |
|---|---|
| .txt | a line; only LF ends one, so lone CR, U+2028 and the like stay inside a prompt |
| .jsonl | a line: a string, or an object with the prompt under a key |
| .csv .tsv | a row below the header; CR, LF or both end one outside of quotes; "" is a quote; the
  delimiter that finds the usual columns in the header is taken, and told if it is another |
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
| a row of .jsonl whose object has no usual key | refused; an error if it is so for every row |
| a quote that is never closed, or closed after more than 16 Mi characters | an error |
| a column of another name, though it be the only one; a first row that is no header | an error |
| UTF-16 and UTF-32 | an error that names them |
| a file that cannot be read to its end | an error |

Refused entries are listed with their number and reason. Every entry is accepted, blank, refused, a
duplicate, or beyond the limit.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from pairgen.errors import ConfigError, StoreError
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.paths import AnyPath, open_path
from pairgen.sources.tables import holds_text, reading, table_batches, table_schema, text_cells
from pairgen.sources.tars.index import read_samples
from pairgen.sources.tars.sample_text import FACTS_MEMBER, TEXT_MEMBERS, json_facts, sample_text
from pairgen.sources.tars.unpacked import is_tar_name, plain_tar
from pairgen.sources.texts.delimited import Note, no_header, opened_text, read_delimited
from pairgen.sources.texts.encoding import HEAD, check_encoding
from pairgen.sources.texts.rows import lines_of
from pairgen.sources.texts.rules import (
    MAX_HELD,
    PROMPT_COLUMNS,
    Found,
    decoded,
    first_held,
    parsed,
)
from pairgen.sources.texts.tables import choose_column

STREAMS = (".txt", ".jsonl", ".csv", ".tsv", ".tar")
TABLES = (".parquet", ".arrow")
FORMATS = (*STREAMS, *(f"{suffix}.gz" for suffix in STREAMS), ".tgz", ".parquet")
# Table rows that are decoded at a time.
TABLE_ROWS = 1_000
# Largest number of keys of JSON lines that an error names.
MAX_KEYS = 20


def prompt_format(path: AnyPath) -> str:
    """Return a file's format, from its suffix: one of `STREAMS` or `TABLES`.

    Raises:
        ConfigError: The format is not supported.
    """
    if is_tar_name(path.name):
        return ".tar"
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


def read_prompt_file(
    path: AnyPath,
    column: str = "",
    note: Note = lambda _: None,
    passed_over: PassedOver | None = None,
) -> Iterator[Found]:
    """Yield the entries of a file in order, by the rules above.

    Args:
        path: Path of the file.
        column: Column, key or member to read; empty for a usual one.
        note: Called with a sentence about what was recognised.
        passed_over: Counts what a tar holds and is no member of a sample; None not to count it.

    Raises:
        ConfigError: The format is not supported, the file cannot be read to its end, or it has no
            such column.
    """
    suffix = prompt_format(path)
    with _readable(path):
        if suffix in TABLES:
            yield from _read_table(path, suffix[1:], column)
            return
        if suffix == ".tar":
            with open_path(plain_tar(path)) as tar:
                yield from _read_tar(tar, column, path, passed_over)
            return
        with _opened(path) as file:
            check_encoding(file.peek(HEAD), path)
            yield from STREAM_READERS[suffix](file, column, path, note)


def read_standard_input(column: str) -> Iterator[Found]:
    """Yield the lines of standard input.

    Raises:
        ConfigError: Standard input cannot be read, or a column is given.
    """
    path = Path("standard input")
    with _readable(path), open(0, "rb", closefd=False) as file:
        check_encoding(file.peek(HEAD), path)
        yield from _read_txt(file, column, path, lambda _: None)


@contextmanager
def _readable(path: AnyPath) -> Iterator[None]:
    """Turn errors from damaged or vanished files into one sentence."""
    try:
        yield
    except StoreError:
        raise
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise ConfigError(f"{path} cannot be read: {reason}.") from None


@contextmanager
def _opened(path: AnyPath) -> Iterator[io.BufferedReader]:
    with open_path(path) as file:
        if path.suffix.lower() != ".gz":
            yield cast(io.BufferedReader, file)
            return
        # It closes no file that it was given.
        with gzip.open(file) as unpacked:
            # A BufferedReader in all that is used here.
            yield cast(io.BufferedReader, unpacked)


def _read_txt(file: BinaryIO, column: str, path: AnyPath, _: Note) -> Iterator[Found]:
    if column:
        raise ConfigError(f"{path} is text and has no columns, but column {column!r} was given.")
    return (decoded(line) for line in lines_of(file))


def _read_jsonl(file: BinaryIO, column: str, path: AnyPath, _: Note) -> Iterator[Found]:
    names = (column,) if column else PROMPT_COLUMNS
    is_taken, keys = False, dict[str, None]()
    for line in lines_of(file):
        text = decoded(line)
        if isinstance(text, ValueError) or not text.strip():
            yield text
            continue
        value = parsed(text)
        if isinstance(value, dict):
            name = names[0] if names[0] in value else first_held(names, value)
            if not name:
                if len(keys) < MAX_KEYS:
                    keys.update(dict.fromkeys(value))
                yield ValueError(f"no {' or '.join(names)} in {list(value)}"[:MAX_HELD])
                continue
            if not is_taken:
                # The others are for rows that lack the first one that was found.
                names = tuple(dict.fromkeys((name, *names)))
            is_taken, value = True, value[name]
            yield value if isinstance(value, str) else ValueError(f"no text under {name!r}")
        else:
            is_taken = is_taken or (isinstance(value, str) and not column)
            found = isinstance(value, str | ValueError)
            yield value if found else ValueError("no string and no object")
    if keys and not is_taken:
        _prompt_column(list(keys), column, path)


def _read_csv(
    file: BinaryIO, column: str, path: AnyPath, note: Note, delimiter: str = ","
) -> Iterator[Found]:
    wanted = (column,) if column else PROMPT_COLUMNS
    with opened_text(file) as text:
        found = read_delimited(text, path, delimiter, wanted, note)
        yield from ("" for _ in range(found.num_blank))
        header = found.header
        if not header:
            return
        place = header.index(_prompt_column(header, column, path, no_header(header)))
        for row in found.rows:
            if isinstance(row, ValueError):
                yield row
            elif not row:
                yield ""
            elif len(row) > len(header):
                yield ValueError(f"{len(row)} cells where the header has {len(header)}")
            elif place >= len(row):
                yield ValueError(f"no text under {header[place]!r}")
            else:
                yield row[place]


def _read_tar(
    file: BinaryIO, column: str, path: AnyPath, passed_over: PassedOver | None
) -> Iterator[Found]:
    names = (column,) if column else TEXT_MEMBERS
    samples = read_samples(file, {*names, FACTS_MEMBER}.__contains__, column, passed_over)
    for number, members in enumerate(samples):
        text = sample_text(members.get, names)
        if isinstance(text, str | ValueError):
            yield text
            continue
        facts = json_facts(members.get(FACTS_MEMBER))
        held = f"members {', '.join(members)}; keys of json {', '.join(facts) or 'none'}"[:MAX_HELD]
        if column and not number and column not in facts:
            raise ConfigError(f"{path} has no {column!r}; its first sample has the {held}.")
        why = "a list under" if text else "no"
        yield ValueError(f"{why} {' or '.join(names)}; {held}")


def _read_table(path: AnyPath, kind: str, column: str) -> Iterator[Found]:
    schema = table_schema(path, kind)
    name = _prompt_column(schema.names, column, path)
    held = schema.field(name).type
    if not holds_text(held):
        raise ConfigError(f"The column {name!r} of {path} holds {held}, not text.")
    with reading(path, kind):
        for batch in table_batches(path, kind, [name], TABLE_ROWS):
            for raw in text_cells(batch.column(name)):
                yield ValueError(f"no text under {name!r}") if raw is None else decoded(raw)


StreamReader = Callable[[BinaryIO, str, AnyPath, Note], Iterator[Found]]
STREAM_READERS: dict[str, StreamReader] = {
    ".txt": _read_txt,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".tsv": partial(_read_csv, delimiter="\t"),
}


def _prompt_column(
    columns: Sequence[str], column: str, path: AnyPath, has_no_header: bool = False
) -> str:
    """Return the column of prompts.

    Raises:
        ConfigError: `column` does not exist, or none has a usual name.
    """
    found = choose_column(columns, column, path, PROMPT_COLUMNS)
    if found:
        return found
    if has_no_header:
        raise ConfigError(
            f"{path} has no header: its first row is {list(columns)}. Put one above it, with "
            f"{' or '.join(PROMPT_COLUMNS)} over the prompts."
        )
    if len(columns) == 1:
        raise ConfigError(
            f"The only column of {path} is {columns[0]!r}, not {' or '.join(PROMPT_COLUMNS)}: if "
            f"it holds the prompts, name it by --column {columns[0]}."
        )
    raise ConfigError(f"Name the column of {path} that holds the prompts by --column: {columns}.")

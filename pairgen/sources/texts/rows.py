"""Read the rows of a table: csv, tsv, jsonl or Parquet.

A row that cannot be read is refused by the rules of prompts (`prompt_files`): it is yielded with
its reason. The columns of a jsonl file are the keys of all its rows.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from pairgen.errors import ConfigError, StoreError
from pairgen.sources.paths import AnyPath, open_path
from pairgen.sources.tables import cell_values, reading, table_batches, table_schema
from pairgen.sources.texts.delimited import Delimited, Note, opened_text, read_delimited
from pairgen.sources.texts.encoding import HEAD, check_encoding
from pairgen.sources.texts.rules import decoded, parsed

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
PARQUET_ROWS = 1_000
MAX_LINE = 2**24
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        place: Where it stands, such as `row 3` below the header, or `line 3`.
        cells: Column to value. Text of csv and tsv that is no UTF-8 has lone surrogates.
        reason: Why the row cannot be read; empty if it can.
    """

    place: str
    cells: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose columns are known.

    Attributes:
        path: Path of the file.
        columns: Names of its columns.
        rows: Returns the rows with the cells of the columns given; blank rows are left out.
    """

    path: AnyPath
    columns: Sequence[str]
    rows: Callable[[Sequence[str]], Iterator[Row]]


def open_table(path: AnyPath, wanted: Sequence[str], note: Note, name: str = "Captions") -> Table:
    """Open a table and find out its columns.

    Args:
        path: Path of the table.
        wanted: Names of columns that it may have, by which its delimiter is recognised.
        note: Called with a sentence about what was recognised.
        name: What the table holds, as errors call it.

    Raises:
        ConfigError: The file is not one of `SUFFIXES`, or cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{name} must be a {', '.join(SUFFIXES)} file, got {str(path)!r}.")
    if suffix == ".parquet":
        names = table_schema(path, "parquet").names
        return Table(path, names, lambda columns: _parquet_rows(path, columns))
    if suffix == ".jsonl":
        keys = dict.fromkeys(key for row in _json_rows(path) for key in row.cells)
        return Table(path, list(keys), lambda _: _json_rows(path))
    with _opened_delimited(path, wanted, note) as found:
        return Table(path, found.header, lambda columns: _below_header(path, wanted, columns))


def lines_of(file: BinaryIO) -> Iterator[bytes | ValueError]:
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


@contextmanager
def _opened(path: AnyPath) -> Iterator[io.BufferedReader]:
    """Open a text file; turn errors of the disk into one sentence."""
    try:
        with cast(io.BufferedReader, open_path(path)) as file:
            check_encoding(file.peek(HEAD), path)
            yield file
    except StoreError:
        raise
    except OSError as error:
        raise ConfigError(f"The file {path} cannot be read: {error.strerror or error}.") from None


@contextmanager
def _opened_delimited(path: AnyPath, wanted: Sequence[str], note: Note) -> Iterator[Delimited]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with _opened(path) as file, opened_text(file) as text:
        yield read_delimited(text, path, delimiter, wanted, note)


def _below_header(path: AnyPath, wanted: Sequence[str], columns: Sequence[str]) -> Iterator[Row]:
    with _opened_delimited(path, wanted, lambda _: None) as found:
        header = found.header
        for number, cells in enumerate(found.rows, start=1):
            place = f"row {number}"
            if isinstance(cells, ValueError):
                yield Row(place, reason=str(cells))
            elif cells:
                row = dict(zip(header, cells, strict=False))
                lacking = next((each for each in columns if each not in row), "")
                reason = f"no text under {lacking!r}" if lacking else ""
                if len(cells) > len(header):
                    reason = f"{len(cells)} cells where the header has {len(header)}"
                yield Row(place, row, reason)


def _json_rows(path: AnyPath) -> Iterator[Row]:
    with _opened(path) as file:
        for number, line in enumerate(lines_of(file), start=1):
            text = decoded(line)
            if text == "" or (isinstance(text, str) and not text.strip()):
                continue
            value = text if isinstance(text, ValueError) else parsed(text)
            if isinstance(value, dict):
                yield Row(f"line {number}", value)
            else:
                reason = str(value) if isinstance(value, ValueError) else "no object"
                yield Row(f"line {number}", reason=reason)


def _parquet_rows(path: AnyPath, columns: Sequence[str]) -> Iterator[Row]:
    number = 0
    with reading(path, "parquet"):
        for batch in table_batches(path, "parquet", columns, PARQUET_ROWS):
            values = {name: cell_values(batch.column(name)) for name in columns}
            for row in zip(*values.values(), strict=True):
                number += 1
                yield Row(f"row {number}", dict(zip(values, row, strict=True)))

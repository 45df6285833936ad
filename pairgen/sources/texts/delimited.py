"""Read csv and tsv files: which delimiter one has, its header, and its rows."""

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from pairgen.errors import ConfigError
from pairgen.sources.paths import AnyPath

# Delimiters that are tried, beside the one that the name of the file says.
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
MAX_FIELD = 2**24
# A name of a column: no sentence, number, address or name of a file.
_NAME = re.compile(r"[^\W\d][\w\-]*")

Note = Callable[[str], object]
# A row, or the reason why it has none.
Cells = list[str] | ValueError


@dataclass(frozen=True)
class Delimited:
    """A csv or tsv file whose header has been read.

    Attributes:
        header: Names of the columns; empty if the file has no row.
        num_blank: Number of blank lines before the header.
        rows: The rows below it; a blank line is an empty row.
    """

    header: list[str]
    num_blank: int
    rows: Iterator[Cells]


def read_delimited(
    text: Iterator[str], path: AnyPath, delimiter: str, wanted: Sequence[str], note: Note
) -> Delimited:
    """Read the header of a file, and prepare its rows.

    Args:
        text: The lines of the file, with their ends.
        path: Path of the file, for errors.
        delimiter: The delimiter that the name of the file says.
        wanted: Names of columns that the file may have. Another delimiter is taken if it finds
            more of them in the header.
        note: Called with a sentence if another delimiter is taken.

    Raises:
        ConfigError: The header cannot be read; or, on the way, a quote is open at the end or a
            field is too long.
    """
    blank, first = [], ""
    for line in text:
        if line.strip("\r\n"):
            first = line
            break
        blank.append(line)
    found = _delimiter(first, delimiter, wanted)
    if found != delimiter:
        note(f"{path} is delimited by {DELIMITERS[found]}.")
    rows = _rows(itertools.chain([first] if first else [], text), found, path)
    header = next(rows, [])
    if isinstance(header, ValueError):
        raise ConfigError(f"The header of {path} is {header}.")
    return Delimited(header, len(blank), rows)


def no_header(header: Sequence[str]) -> bool:
    """Whether the first row of a file is more likely content than names of columns."""
    return not all(_NAME.fullmatch(cell.strip()) for cell in header)


@contextmanager
def opened_text(file: BinaryIO) -> Iterator[io.TextIOWrapper]:
    """Open a file as text for the csv module.

    Invalid UTF-8 becomes a lone surrogate, which is refused if it is in a text.
    """
    with (
        io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
        _long_fields(),
    ):
        yield text


@contextmanager
def _long_fields() -> Iterator[None]:
    """Raise the field size limit of the csv module, which is global to the process."""
    before = csv.field_size_limit()
    csv.field_size_limit(max(before, MAX_FIELD))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _delimiter(line: str, delimiter: str, wanted: Sequence[str]) -> str:
    """Return the delimiter that finds most of the names in a header; in doubt, `delimiter`."""
    others = [each for each in DELIMITERS if each != delimiter]
    return max((delimiter, *others), key=lambda each: _num_wanted(line, each, wanted))


def _num_wanted(line: str, delimiter: str, wanted: Sequence[str]) -> int:
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return 0
    return sum(cell in wanted for cell in cells)


def _rows(lines: Iterator[str], delimiter: str, path: AnyPath) -> Iterator[Cells]:
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

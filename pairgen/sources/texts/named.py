"""Texts by the name of an image, from one table, and which of them were asked for."""

import itertools
import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError
from pairgen.sources.paths import AnyPath
from pairgen.sources.tables import check_captions, table_schema
from pairgen.sources.texts.delimited import Note, no_header
from pairgen.sources.texts.rows import Row, Table, open_table
from pairgen.sources.texts.rules import CAPTION_COLUMNS, Text, decoded, first_held, text_of
from pairgen.sources.texts.tables import choose_column, label_text
from pairgen.wording import counted

NAME_COLUMNS = ("file_name", "image", "path", "key")


class NamedTexts:
    """The rows of a table, by the names that they give.

    Attributes:
        refused: Place and reason of each row that names no image.
        num_repeated: Number of rows with the name of an earlier one.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.num_repeated = 0
        self._texts: dict[str, Text] = {}
        self._matched: set[str] = set()

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, name: str, text: Text) -> None:
        """Add a row; the first one of a name counts."""
        name = normal_name(name)
        self.num_repeated += name in self._texts
        self._texts.setdefault(name, text)

    def get(self, name: str) -> Text | None:
        """Return the text of an image, which then has matched; None without one."""
        name = normal_name(name)
        text = self._texts.get(name)
        if text is not None:
            self._matched.add(name)
        return text

    @property
    def num_unmatched(self) -> int:
        """Number of names that have not matched an image so far."""
        return len(self._texts) - len(self._matched)

    def unmatched(self) -> Iterator[tuple[str, Text]]:
        """Yield the names, with their texts, that have not matched an image so far."""
        return (each for each in self._texts.items() if each[0] not in self._matched)

    def faults(self) -> Iterator[str]:
        """Yield the reasons of the refused rows that no image was refused for."""
        yield from self.refused
        yield from (text.fault for _, text in self.unmatched() if text.fault)


def normal_name(name: str) -> str:
    """Return a name of an image with `/` between its parts and without `.` and empty parts."""
    return posixpath.normpath(name.replace("\\", "/"))


def read_named_texts(
    path: AnyPath, names: Sequence[str], column: str, label: str, note: Note
) -> NamedTexts:
    """Read a table of texts by the name of an image.

    Args:
        path: Path of the table.
        names: Columns that may hold the name; the first that the table has is taken.
        column: Name of the caption column; empty for a usual one.
        label: Name of the column of class labels; empty for none. Captions are then optional.
        note: Called with a sentence about what was recognised.

    Raises:
        ConfigError: The file cannot be read, or lacks a column.
    """
    wanted = (*names, *CAPTION_COLUMNS, *(each for each in (column, label) if each))
    table = open_table(path, wanted, note)
    if not table.columns:
        # A jsonl file without an object may hold refused lines.
        return _usable(_named(table, "", "", "", False), path)
    caption = choose_column(table.columns, column, path)
    choose_column(table.columns, label, path)
    name = first_held(names, dict.fromkeys(table.columns))
    if not name or not (caption or label):
        raise ConfigError(_lacking(table, names))
    if path.suffix.lower() == ".parquet" and caption:
        check_captions(table_schema(path, "parquet").field(caption), path)
    return _usable(_named(table, name, caption, label, bool(column)), path)


def _usable(found: NamedTexts, path: AnyPath) -> NamedTexts:
    """Return the texts of a table, unless it has rows and none of them can be used.

    Raises:
        ConfigError: It is so.
    """
    if found.refused and not len(found):
        raise ConfigError(
            f"{path} has {counted(len(found.refused), 'row')}, and none that can be used; the "
            "first reason "
            f"is: {found.refused[0]}."
        )
    return found


def _lacking(table: Table, names: Sequence[str]) -> str:
    """Return the error for a table without the columns that it needs."""
    known = (*names, *CAPTION_COLUMNS)
    hint = next((h for h in (did_you_mean(each, known) for each in table.columns) if h), "")
    header = ""
    if table.path.suffix.lower() in (".csv", ".tsv") and no_header(table.columns):
        header = "; its first row is no header: add one"
    one = "the column" if len(names) == 1 else "one of the columns"
    return (
        f"{table.path} must have {one} {', '.join(names)} and one of "
        f"{', '.join(CAPTION_COLUMNS)} (or --column); it has "
        f"{', '.join(table.columns)}{hint}{header}."
    )


def _named(table: Table, name: str, caption: str, label: str, is_given: bool) -> NamedTexts:
    found = NamedTexts()
    # A row of jsonl may have another usual key than the first one that was found.
    keys = (caption,) if is_given else tuple(dict.fromkeys((caption, *CAPTION_COLUMNS)))
    for row in table.rows([each for each in (name, caption, label) if each]):
        named = _name(row.cells.get(name))
        if isinstance(named, ValueError):
            reason = row.reason or f"{name} {named}"
            found.refused.append(f"{row.place}: {reason}")
            continue
        held = first_held(keys, row.cells) or caption if caption else ""
        found.add(named, _text(row, held, label))
    return found


def _text(row: Row, caption: str, label: str) -> Text:
    # Without a column of captions, one may lie beside the image.
    held = text_of(row.cells.get(caption)) if caption else Text(None)
    fault = row.reason or held.fault
    return Text(
        held.caption if not fault else "",
        label_text(row.cells.get(label)) if label else "",
        f"{row.place}: {fault}" if fault else "",
        held.several if not fault else (),
    )


def _name(value: Any) -> str | ValueError:
    """Return the name that a cell gives; numbers are names of keys."""
    if isinstance(value, bytes):
        value = decoded(value)
    if value is None or value == "":
        return ValueError("is missing")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, ValueError):
        return ValueError(f"is {value}")
    if not isinstance(value, str):
        return ValueError("is no text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return ValueError("is not valid UTF-8")
    return value


def first_names(texts: Sequence[NamedTexts], num: int) -> list[str]:
    """Return the first names that matched no image."""
    names = (name for each in texts for name, _ in each.unmatched())
    return list(itertools.islice(names, num))

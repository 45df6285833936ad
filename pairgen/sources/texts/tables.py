"""Tables of texts: find their columns, and read those whose every row must be sound."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError
from pairgen.sources.paths import AnyPath
from pairgen.sources.texts.delimited import Note
from pairgen.sources.texts.rows import SUFFIXES, Table, open_table
from pairgen.sources.texts.rules import CAPTION_COLUMNS, decoded

TABLES = SUFFIXES


def choose_column(
    columns: Sequence[str], column: str, path: AnyPath, usual: Sequence[str] = CAPTION_COLUMNS
) -> str:
    """Return the text column: `column` if given, else the first usual one, else "".

    Raises:
        ConfigError: `column` is given but does not exist, or the column found occurs twice.
    """
    if column and column not in columns:
        raise ConfigError(
            f"{path} has no column {column!r}{did_you_mean(column, columns)}; "
            f"it has {', '.join(columns)}."
        )
    found = column or next((name for name in usual if name in columns), "")
    if found and list(columns).count(found) > 1:
        raise ConfigError(f"{path} has {list(columns).count(found)} columns {found!r}.")
    return found


def label_text(value: Any) -> str:
    """Return a class label as text; empty for none."""
    if isinstance(value, bytes):
        text = decoded(value)
        value = "" if isinstance(text, ValueError) else text
    return "" if value is None else str(value).strip()


def sound_rows(
    path: AnyPath, name: str, wanted: Sequence[str], note: Note
) -> tuple[Sequence[str], Iterator[Mapping[str, Any]]]:
    """Return the columns of a table, and its rows as mappings from column to value.

    Args:
        path: Path of the table.
        name: What the table holds, as errors call it.
        wanted: Names of the columns to read, as far as the table has them.
        note: Called with a sentence about what was recognised.

    Raises:
        ConfigError: The file is not one of `TABLES`, has no rows, or a row cannot be read.
    """
    table = open_table(path, wanted, note, name)
    if not table.columns:
        raise ConfigError(f"The table {path} has no rows.")
    return table.columns, _sound(table, [each for each in table.columns if each in wanted])


def _sound(table: Table, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    is_empty = True
    for row in table.rows(columns):
        is_empty = False
        values = {name: _as_text(value) for name, value in row.cells.items() if name in columns}
        odd = (str(each) for each in values.values() if isinstance(each, ValueError))
        if reason := row.reason or next(odd, ""):
            raise ConfigError(f"{table.path}, {row.place}: {reason}.")
        yield values
    if is_empty:
        raise ConfigError(f"The table {table.path} has no rows.")


def as_text(data: bytes) -> str:
    """Decode UTF-8 without its byte order mark; invalid bytes become replacement characters."""
    return data.decode("utf-8-sig", errors="replace").strip()


def _as_text(value: Any) -> Any:
    return decoded(value) if isinstance(value, bytes) else value

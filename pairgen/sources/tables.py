"""Read Parquet files and the Arrow files of saved hub datasets: columns and batches of rows."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pyarrow as pa

from pairgen.errors import ConfigError, PairgenError, short
from pairgen.regular_file import check_regular
from pairgen.sources.arrow_files import UNREADABLE
from pairgen.sources.paths import AnyPath
from pairgen.sources.urls.fetched import fetched
from pairgen.sources.urls.path import UrlPath
from pairgen.sources.urls.ranges import RangeReader
from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.parquet_batches import read_batches
from pairgen.untrusted.parquet_file import open_parquet

# Written next to the Arrow files of a saved dataset; lists them.
STATE_FILE = "state.json"
TEXT_TYPES = ("string", "large_string", "string_view", "binary", "large_binary", "null")


def saved_files(folder: AnyPath, names: Sequence[str]) -> list[str]:
    """Return the names of a saved hub dataset's files in a folder; empty if it holds none.

    Other Arrow files there are caches, or left over from an earlier save.

    Raises:
        ConfigError: The dataset's rows are selected by another file.
    """
    if STATE_FILE not in names:
        return []
    try:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        files = [str(each["filename"]) for each in state.get("_data_files", ())]
    except PairgenError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    if state.get("_indices_data_files"):
        raise ConfigError(
            f"The dataset {folder} keeps its row selection in a separate file: call "
            "flatten_indices() and save it again."
        )
    return sorted(files)


def table_schema(path: AnyPath, kind: str) -> pa.Schema:
    """Return the schema of a `parquet` or `arrow` file.

    Raises:
        ConfigError: The file cannot be read.
    """
    with reading(path, kind):
        if kind == "parquet":
            with open_parquet(parquet_source(path)) as file:
                return file.schema_arrow
        return arrow_table(path).schema


def table_batches(
    path: AnyPath, kind: str, columns: Sequence[str], num_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a `parquet` or `arrow` file, at most `num_rows` of Parquet at a time.

    Raises:
        ConfigError: The file cannot be read.
    """
    with reading(path, kind):
        if kind == "parquet":
            source = parquet_source(path)
            file = open_parquet(source)
            for group in range(file.metadata.num_row_groups):
                yield from read_batches(file, source, group, columns, num_rows)
        else:
            yield from arrow_table(path).select(list(columns)).to_batches(num_rows)


@contextmanager
def reading(path: AnyPath, kind: str) -> Iterator[None]:
    """Turn whatever is raised for a damaged file into one sentence.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        yield
    except PairgenError:
        raise
    except MalformedError as error:
        raise ConfigError(f"The file {path} {error}.") from None
    except UNREADABLE as error:
        name = "a Parquet file" if kind == "parquet" else "an Arrow stream"
        reason = f"is not {name}, or is damaged: {short_reason(error)}"
        if isinstance(error, OSError) and error.errno is not None:
            reason = f"cannot be read: {error.strerror}"
        raise ConfigError(f"The file {path} {reason}.") from None


def parquet_source(path: AnyPath) -> "str | RangeReader":
    """Return what a Parquet file is read from: its path, or a file of which parts are read."""
    if isinstance(path, UrlPath):
        return path.open_exactly()
    check_regular(path)
    # Arrow would take `s3:/name` for a URL.
    return str(path.absolute())


def arrow_table(path: AnyPath) -> pa.Table:
    """Map an Arrow stream; rows are read on access. One behind a URL is fetched once.

    Raises:
        ArrowInvalid: An offset leads out of the file, or a text is not UTF-8.
    """
    return _mapped(str((fetched(path) if isinstance(path, UrlPath) else path).absolute()))


@lru_cache(maxsize=2)
def _mapped(container: str) -> pa.Table:
    check_regular(container)
    with pa.memory_map(container) as source:
        table = pa.ipc.open_stream(source).read_all()
    # Offsets are followed without a check: a damaged one would read other memory, or crash.
    table.validate(full=True)
    return table


def holds_text(held: pa.DataType) -> bool:
    """Whether a column of this type holds texts, as such or as a dictionary of them."""
    return str(held.value_type if pa.types.is_dictionary(held) else held) in TEXT_TYPES


def check_captions(field: pa.Field, path: AnyPath) -> None:
    """Check that a column may hold captions: texts, or lists of texts.

    Raises:
        ConfigError: It holds something else.
    """
    held = field.type
    is_list = pa.types.is_list(held) or pa.types.is_large_list(held)
    if not holds_text(held.value_type if is_list else held):
        raise ConfigError(f"The column {field.name!r} of {path} holds {held}, not text.")


def text_cells(cells: pa.Array) -> list[bytes | None]:
    """Return the texts of a column that `holds_text`, as bytes.

    Whoever wrote the file may have put anything there.
    """
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    raws: list[bytes | None] = cells.cast(pa.large_binary()).to_pylist()
    return raws


def cell_values(cells: pa.Array) -> list[Any]:
    """Return the values of a column; texts as bytes."""
    if holds_text(cells.type):
        return text_cells(cells)
    try:
        values: list[Any] = cells.to_pylist()
    except UnicodeDecodeError:
        return [_value(cell) for cell in cells]
    return values


def chosen_field(schema: pa.Schema, name: str, path: AnyPath) -> pa.Field:
    """Return the field of a column.

    Raises:
        ConfigError: Several columns have the name.
    """
    if schema.names.count(name) > 1:
        raise ConfigError(f"{path} has {schema.names.count(name)} columns {name!r}.")
    return schema.field(name)


def short_reason(error: BaseException) -> str:
    """Return a library's message in one line, without its dots at the end."""
    return short(str(error)) or type(error).__name__


def _value(cell: pa.Scalar) -> Any:
    try:
        return cell.as_py()
    except UnicodeDecodeError:
        return ValueError("not valid UTF-8")

"""Images in the rows of Parquet files and of the Arrow files of saved hub datasets.

A cell holds an image's bytes, as any type of bytes, directly or as {bytes, path}. What a cell
holds instead is told: a column of texts or numbers is refused, and so is each row with a path
alone. A path is never followed: the file of a stranger would choose what is read here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairgen.errors import ConfigError
from pairgen.sources.arrow_files import UNREADABLE
from pairgen.sources.paths import AnyPath
from pairgen.sources.tables import (
    arrow_table,
    cell_values,
    check_captions,
    chosen_field,
    holds_text,
    parquet_source,
    reading,
    short_reason,
    table_batches,
    table_schema,
)
from pairgen.sources.texts.rules import Text, text_of
from pairgen.sources.texts.tables import choose_column, label_text
from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.parquet_batches import Allowed, Source, allowed_rows, shared_batches
from pairgen.untrusted.parquet_file import open_parquet

IMAGE_COLUMNS = ("image", "img", "jpg", "png", "bytes")
BATCH_ROWS = 64
# Longest path that a reason quotes.
MAX_PATH = 100


def table_images(
    path: AnyPath, kind: str, column: str, label: str = ""
) -> tuple[str, Iterator[tuple[int, Text]]]:
    """Return the image column of a file, and (size in bytes, text) of every row.

    Args:
        path: Path of the file.
        kind: `parquet` or `arrow`.
        column: Name of the caption column; empty for a usual one, which may be absent.
        label: Name of the column of class labels; empty for none.

    Raises:
        ConfigError: The file cannot be read, lacks the column, or its columns hold something else.
    """
    schema = table_schema(path, kind)
    image = _image_column(schema, path)
    choose_column(schema.names, label, path)
    caption = choose_column(schema.names, column, path)
    if caption:
        check_captions(chosen_field(schema, caption, path), path)
    return image, _rows(path, kind, image, caption, label)


def has_images(path: AnyPath, kind: str) -> bool:
    """Whether a file has a column of images.

    Raises:
        ConfigError: The file cannot be read.
    """
    return not set(IMAGE_COLUMNS).isdisjoint(table_schema(path, kind).names)


def table_cell(container: AnyPath, kind: str, column: str, row: int) -> bytes:
    """Return the bytes of an image.

    Raises:
        OSError: The row no longer exists, cannot be read, or holds no bytes.
    """
    try:
        if kind == "arrow":
            cells = arrow_table(container).column(column)
            if row < len(cells):
                return _cell_bytes(cells.slice(row, 1).to_pylist()[0])
        else:
            metadata = _parquet(container).file.metadata
            for group in range(metadata.num_row_groups):
                num_rows = metadata.row_group(group).num_rows
                if row < num_rows:
                    num = _allowed(container, column, group).num_rows
                    cells = _parquet_cells(container, column, group, row // num)
                    return _cell_bytes(_parts(cells[row % num]))
                row -= num_rows
    except (OSError, ConfigError):
        raise
    except MalformedError as error:
        raise ConfigError(f"The file {container} {error}.") from None
    except UNREADABLE as error:
        raise OSError(f"{container} cannot be read: {short_reason(error)}") from None
    raise OSError(f"{container} has no such row any more")


def _image_column(schema: pa.Schema, path: AnyPath) -> str:
    """Return the first usual column that holds images."""
    usual = [name for name in IMAGE_COLUMNS if name in schema.names]
    if not usual:
        raise ConfigError(f"{path} has none of the columns {', '.join(IMAGE_COLUMNS)}.")
    found = next((name for name in usual if _holds_images(schema.field(name).type)), "")
    if not found:
        field = schema.field(usual[0])
        hint = ""
        if holds_text(field.type):
            hint = ": give the folder as --images, and a table of captions as --captions"
        raise ConfigError(
            f"The column {field.name!r} of {path} holds {_named(field.type)}, not images{hint}."
        )
    chosen_field(schema, found, path)
    return found


def _holds_images(held: pa.DataType) -> bool:
    if pa.types.is_struct(held) and held.get_field_index("bytes") >= 0:
        held = held.field("bytes").type
    if pa.types.is_dictionary(held):
        held = held.value_type
    kinds = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_fixed_size_binary,
    )
    # A column without any value has no type; each of its rows is refused.
    return any(is_kind(held) for is_kind in kinds) or pa.types.is_null(held)


def _named(held: pa.DataType) -> str:
    if pa.types.is_null(held):
        return "nothing"
    if holds_text(held):
        return "text"
    if pa.types.is_list(held) or pa.types.is_large_list(held):
        return f"a list ({held})"
    return str(held)


def _rows(
    path: AnyPath, kind: str, image: str, caption: str, label: str
) -> Iterator[tuple[int, Text]]:
    columns = dict.fromkeys(each for each in (image, caption, label) if each)
    with reading(path, kind):
        for batch in table_batches(path, kind, list(columns), BATCH_ROWS):
            cells = batch.column(image)
            texts = cell_values(batch.column(caption)) if caption else [None] * len(batch)
            labels = cell_values(batch.column(label)) if label else [None] * len(batch)
            for size, text, number in zip(_num_bytes(cells), texts, labels, strict=True):
                yield size, replace(text_of(text), label=label_text(number))


def _num_bytes(cells: pa.Array) -> list[int]:
    """Return the sizes of a column's images; those of the usual types are not copied."""
    if pa.types.is_struct(cells.type):
        cells = pc.struct_field(cells, "bytes")
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if not (pa.types.is_binary(cells.type) or pa.types.is_fixed_size_binary(cells.type)):
        cells = cells.cast(pa.large_binary())
    sizes: list[int] = pc.binary_length(cells).fill_null(0).to_pylist()
    return sizes


def _why_empty(cell: Any) -> str:
    """Return what a cell without bytes holds."""
    if isinstance(cell, Mapping) and cell.get("path"):
        return f"the cell holds a path, no bytes: {str(cell['path'])[:MAX_PATH]!r}"
    return "the cell is null" if cell is None else "the cell holds no bytes"


class _Opened(NamedTuple):
    file: pq.ParquetFile
    source: Source


def _parquet(path: AnyPath) -> _Opened:
    """Open a Parquet file; behind a URL, its footer is read once."""
    return _opened(path) if isinstance(path, Path) else _remote_parquet(path)


def _opened(path: AnyPath) -> _Opened:
    source = parquet_source(path)
    return _Opened(open_parquet(source), source)


_remote_parquet = lru_cache(maxsize=2)(_opened)


@lru_cache(maxsize=64)
def _allowed(container: AnyPath, column: str, group: int) -> Allowed:
    """Return how many rows of a row group may be unpacked at once; all if they are honest ones."""
    file, source = _parquet(container)
    num_rows = max(1, file.metadata.row_group(group).num_rows)
    return allowed_rows(file, source, group, [column], num_rows, shares=True)


@lru_cache(maxsize=2)
def _parquet_cells(container: AnyPath, column: str, group: int, at: int) -> pa.ChunkedArray:
    """Return some rows of a row group; neighbouring cells are read one after the other."""
    allowed = _allowed(container, column, group)
    start = at * allowed.num_rows
    found, num_found = [], 0
    # Copies of the entries of a dictionary are made of the cells alone that are asked for.
    for batch in shared_batches(*_parquet(container), group, [column], allowed):
        # Arrow parts a batch at every two gigabytes.
        cells = batch.column(column).slice(start, allowed.num_rows - num_found)
        start = max(0, start - len(batch))
        # Even an empty part would keep all rows of its batch.
        if len(cells):
            found.append(cells)
        num_found += len(cells)
        if num_found == allowed.num_rows:
            break
    return pa.chunked_array(found or [pa.nulls(0)])


def _parts(cell: pa.Scalar) -> Any:
    """Return what counts of a cell: whatever else a struct has beside may be large."""
    if not (isinstance(cell, pa.StructScalar) and cell.is_valid):
        return cell.as_py()
    plain = [each.name for each in cell.type if not pa.types.is_nested(each.type)]
    return {name: cell[name].as_py() for name in ("bytes", "path") if name in plain}


def _cell_bytes(cell: Any) -> bytes:
    """Return the bytes of a cell; hub datasets wrap them in {bytes, path}."""
    data = cell.get("bytes") if isinstance(cell, Mapping) else cell
    if isinstance(data, bytes) and data:
        return data
    raise OSError(_why_empty(cell))

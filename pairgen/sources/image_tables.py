"""Images in the rows of Parquet files and of the Arrow files of saved hub datasets.

A cell holds an image's bytes, either directly or as {bytes, path}.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairgen.errors import ConfigError
from pairgen.sources.caption_tables import choose_column, label_text
from pairgen.sources.tables import arrow_table, table_batches, table_schema

IMAGE_COLUMNS = ("image", "img", "jpg", "png", "bytes")


def table_images(
    path: Path, kind: str, column: str, label: str = ""
) -> tuple[str, Iterator[tuple[int, str, str]]]:
    """Return the image column of a file, and (size in bytes, caption, class label) of every row.

    Args:
        path: Path of the file.
        kind: `parquet` or `arrow`.
        column: Name of the caption column; empty for a usual one, which may be absent.
        label: Name of the column of class labels; empty for none.

    Raises:
        ConfigError: The file cannot be read, or lacks the column.
    """
    columns = list(table_schema(path, kind).names)
    image = next((name for name in IMAGE_COLUMNS if name in columns), "")
    if not image:
        raise ConfigError(f"{path} has none of the columns {', '.join(IMAGE_COLUMNS)}.")
    choose_column(columns, label, path)
    return image, _rows(path, kind, image, choose_column(columns, column, path), label)


def has_images(path: Path, kind: str) -> bool:
    """Whether a file has a column of images.

    Raises:
        ConfigError: The file cannot be read.
    """
    return not set(IMAGE_COLUMNS).isdisjoint(table_schema(path, kind).names)


def table_cell(container: str, kind: str, column: str, row: int) -> bytes:
    """Return the bytes of an image; empty if the cell holds none.

    Raises:
        OSError: The row no longer exists.
    """
    if kind == "arrow":
        table = arrow_table(container)
        if row >= len(table):
            raise OSError(f"{container} has no such row any more")
        return _cell_bytes(table.column(column).slice(row, 1).to_pylist()[0])
    metadata = pq.read_metadata(container)
    for group in range(metadata.num_row_groups):
        num_rows = metadata.row_group(group).num_rows
        if row < num_rows:
            return _cell_bytes(_parquet_group(container, column, group)[row])
        row -= num_rows
    raise OSError(f"{container} has no such row any more")


def _rows(
    path: Path, kind: str, image: str, caption: str, label: str
) -> Iterator[tuple[int, str, str]]:
    columns = dict.fromkeys(each for each in (image, caption, label) if each)
    for batch in table_batches(path, kind, list(columns), 64):
        sizes = _num_bytes(batch.column(image))
        texts = batch.column(caption).to_pylist() if caption else [""] * len(batch)
        labels = batch.column(label).to_pylist() if label else [None] * len(batch)
        for size, text, number in zip(sizes, texts, labels, strict=True):
            yield size, text if isinstance(text, str) else "", label_text(number)


def _num_bytes(cells: pa.Array) -> list[int]:
    """Return the sizes of a column's images without copying them."""
    if pa.types.is_struct(cells.type) and cells.type.get_field_index("bytes") >= 0:
        cells = pc.struct_field(cells, "bytes")
    if not (pa.types.is_binary(cells.type) or pa.types.is_large_binary(cells.type)):
        return [0] * len(cells)
    sizes: list[int] = pc.binary_length(cells).fill_null(0).to_pylist()
    return sizes


@lru_cache(maxsize=2)
def _parquet_group(container: str, column: str, group: int) -> list[Any]:
    """Return one row group; neighbouring cells are read one after the other."""
    table = pq.ParquetFile(container).read_row_group(group, columns=[column], use_threads=False)
    cells: list[Any] = table.column(column).to_pylist()
    return cells


def _cell_bytes(cell: Any) -> bytes:
    """Return the bytes of a cell; hub datasets wrap them in {bytes, path}."""
    if isinstance(cell, Mapping):
        cell = cell.get("bytes")
    return cell if isinstance(cell, bytes) else b""

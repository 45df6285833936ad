"""Read rows of Parquet files of which a few bytes could unpack to gigabytes.

Four ways lead there: pages that unpack to a thousand times their size, values that share the bytes
of a dictionary or of the value before them, and lists that are long in one row.
"""

import io
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.parquet_pages import DELTA_BYTE_ARRAY, Page, read_pages

# A column that unpacks to more is no honest one if it was packed to a thousandth.
MAX_UNPACKED, MAX_RATIO = 64 * 1024**2, 1000
# What is unpacked at once of values that share bytes.
AT_ONCE = 64 * 1024**2
# A column of a stream whose pages are looked at: of a larger one as much would be taken anyway.
MAX_STREAMED = 1024**2
# What an element of a list takes at least, with its place in the list.
ELEMENT_BYTES = 16
TEXTS = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")

# A path, a stream of which parts are read, or the whole file in memory.
Source = str | io.RawIOBase | io.BytesIO


class Allowed(NamedTuple):
    """How a row group may be read.

    Attributes:
        num_rows: Number of rows that are unpacked at once.
        as_dictionaries: Columns to read as dictionaries, whose values would be too many copies.
    """

    num_rows: int
    as_dictionaries: tuple[str, ...] = ()


def read_batches(
    file: pq.ParquetFile, source: Source, group: int, columns: Sequence[str], num_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a row group, at most `num_rows` at a time.

    Args:
        file: The file.
        source: What it was opened from.
        group: Number of the row group.
        columns: Names of the columns.
        num_rows: Number of rows; fewer are yielded at a time where they may take gigabytes.

    Raises:
        MalformedError: A few bytes unpack to gigabytes, or pages are damaged.
        pyarrow.ArrowException: The file is damaged otherwise.
    """
    allowed = allowed_rows(file, source, group, columns, num_rows)
    if allowed.as_dictionaries:
        leaves = list(allowed.as_dictionaries)
        file = pq.ParquetFile(
            source, metadata=file.metadata, pre_buffer=False, read_dictionary=leaves
        )
    batches = file.iter_batches(
        allowed.num_rows, row_groups=[group], columns=list(columns), use_threads=False
    )
    for batch in batches:
        yield _without_dictionaries(batch) if allowed.as_dictionaries else batch


def allowed_rows(
    file: pq.ParquetFile, source: Source, group: int, columns: Collection[str], num_rows: int
) -> Allowed:
    """Return how a row group may be read, at most so many rows at a time.

    Raises:
        MalformedError: A few bytes unpack to gigabytes, or pages are damaged.
    """
    metadata = file.metadata.row_group(group)
    as_dictionaries = []
    for index in range(metadata.num_columns):
        chunk, column = metadata.column(index), file.schema.column(index)
        if chunk.path_in_schema.partition(".")[0] not in columns:
            continue
        pages = _pages(chunk, source)
        _check_unpacked(chunk, column, pages)
        sharing = [each for each in pages if each.is_dictionary or _continues(each)]
        largest = max((page.num_bytes for page in sharing), default=0)
        if column.physical_type not in TEXTS or not largest:
            continue
        if not column.max_repetition_level:
            num_rows = min(num_rows, max(1, AT_ONCE // largest))
        elif not any(map(_continues, pages)):
            as_dictionaries.append(chunk.path_in_schema)
    return Allowed(num_rows, tuple(as_dictionaries))


def _pages(chunk: pq.ColumnChunkMetaData, source: Source) -> list[Page]:
    """Return the pages of a column; none if it is a large one of a stream."""
    start, num_bytes = chunk.data_page_offset, chunk.total_compressed_size
    if chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    if start < 0 or num_bytes < 0:
        raise MalformedError(f"has a column of {num_bytes:,} bytes at {start:,}")
    if isinstance(source, str):
        with open(source, "rb") as file:
            return list(read_pages(file, start, start + num_bytes, chunk.num_values))
    if isinstance(source, io.BytesIO):
        return list(read_pages(source, start, start + num_bytes, chunk.num_values))
    if num_bytes > MAX_STREAMED:
        return []
    source.seek(start)
    data = source.read(num_bytes) or b""
    return list(read_pages(io.BytesIO(data), 0, len(data), chunk.num_values))


def _check_unpacked(
    chunk: pq.ColumnChunkMetaData, column: pq.ColumnSchema, pages: Sequence[Page]
) -> None:
    num_bytes = max(chunk.total_uncompressed_size, sum(page.num_bytes for page in pages))
    if column.max_repetition_level:
        num_bytes += ELEMENT_BYTES * sum(page.num_values for page in pages)
    packed = chunk.total_compressed_size
    if num_bytes > max(MAX_UNPACKED, MAX_RATIO * packed):
        name = chunk.path_in_schema.partition(".")[0]
        raise MalformedError(
            f"has {packed:,} bytes of its column {name!r} that unpack to {num_bytes:,}"
        )


def _continues(page: Page) -> bool:
    """Whether a value of a page begins with bytes of the value before it."""
    return page.encoding == DELTA_BYTE_ARRAY


def _without_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with its values in place of the numbers of entries in a dictionary.

    Raises:
        MalformedError: These would take gigabytes.
    """
    columns = []
    for name, cells in zip(batch.schema.names, batch.columns, strict=True):
        if (num_bytes := _num_bytes(cells)) > AT_ONCE:
            raise MalformedError(
                f"has {len(cells):,} rows of its column {name!r} that unpack to {num_bytes:,} bytes"
            )
        columns.append(cells.cast(_plain(cells.type)))
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _num_bytes(cells: pa.Array) -> int:
    """Return the size of the values that are numbers of entries in a dictionary."""
    if pa.types.is_dictionary(cells.type):
        return pc.sum(pc.binary_length(cells.dictionary).take(cells.indices)).as_py() or 0
    if pa.types.is_list(cells.type):
        return _num_bytes(cells.flatten())
    if pa.types.is_struct(cells.type):
        return sum(map(_num_bytes, cells.flatten()))
    return 0


def _plain(held: pa.DataType) -> pa.DataType:
    """Return a type without dictionaries."""
    if pa.types.is_dictionary(held):
        return held.value_type
    if pa.types.is_list(held):
        return pa.list_(held.value_field.with_type(_plain(held.value_type)))
    if pa.types.is_struct(held):
        fields = map(held.field, range(held.num_fields))
        return pa.struct([each.with_type(_plain(each.type)) for each in fields])
    return held

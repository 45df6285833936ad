"""Read rows of Parquet files of which a few bytes could unpack to gigabytes.

Several ways lead there: pages that unpack to a thousand times their size, values that share the
bytes of a dictionary or of the value before them, lists that are long in one row.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.parquet_columns import MAX_RATIO, MAX_UNPACKED, Source, column_pages
from pairgen.untrusted.parquet_pages import Page

# What is unpacked at once of values that share bytes, and of a row group in all.
AT_ONCE, IN_ALL = 64 * 1024**2, 32 * 1024**3
# What a value, an element of a list or an entry of a dictionary takes at least, with its place.
ELEMENT_BYTES = 16
# What elements that share bytes may take at worst if they were packed to so little.
AT_WORST, LITTLE = 1024**3, 16 * 1024
# What the length of a text takes.
LENGTH_BYTES = 8


class Allowed(NamedTuple):
    """How a row group may be read.

    Attributes:
        num_rows: Number of rows that are unpacked at once.
        dictionaries: Numbers of the leaves to read as dictionaries: their values may be too many
            copies.
        num_bytes: Size of all their entries.
        in_all: What all rows together may take.
    """

    num_rows: int
    dictionaries: tuple[int, ...] = ()
    num_bytes: int = 0
    in_all: int = IN_ALL


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
    schema = _schema(file, columns) if allowed.dictionaries else None
    in_all = 0
    for batch in shared_batches(file, source, group, columns, allowed):
        for piece, num_bytes in _pieces(batch, allowed):
            in_all += max(num_bytes, piece.nbytes)
            if in_all > allowed.in_all:
                raise MalformedError(
                    f"has rows of its column {_named(columns)} that unpack to {in_all:,}"
                )
            yield piece if schema is None else _plain_batch(piece, schema)


def shared_batches(
    file: pq.ParquetFile, source: Source, group: int, columns: Sequence[str], allowed: Allowed
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a row group as they may be read; some columns as dictionaries."""
    if allowed.dictionaries:
        leaves = list(allowed.dictionaries)
        file = pq.ParquetFile(
            source, metadata=file.metadata, pre_buffer=False, read_dictionary=leaves
        )
    yield from file.iter_batches(
        allowed.num_rows, row_groups=[group], columns=list(columns), use_threads=False
    )


def allowed_rows(
    file: pq.ParquetFile,
    source: Source,
    group: int,
    columns: Collection[str],
    num_rows: int,
    shares: bool = False,
) -> Allowed:
    """Return how a row group may be read, at most so many rows at a time.

    Args:
        file: The file.
        source: What it was opened from.
        group: Number of the row group.
        columns: Names of the columns.
        num_rows: Number of rows.
        shares: Whether to read whatever has a dictionary as such, not only lists: that takes more
            memory than a few rows do, but allows any number of rows.

    Raises:
        MalformedError: A few bytes unpack to gigabytes, or pages are damaged.
    """
    metadata = file.metadata.row_group(group)
    names = set(columns)
    held = [field.type for field in file.schema_arrow if field.name in names]
    # Arrow casts none of them.
    has_list_views = any("list_view" in str(each) for each in held)
    dictionaries = []
    packed = unpacked = row_bytes = shared_bytes = 0
    for index in range(metadata.num_columns):
        # Arrow goes by the schema; what a chunk says of its own path may be anything.
        column = file.schema.column(index)
        if not _is_of(column.path, names):
            continue
        chunk = metadata.column(index)
        pages = column_pages(chunk, column, source)
        packed += chunk.total_compressed_size
        unpacked += _unpacked(chunk, column, pages)
        if not column.max_repetition_level:
            row_bytes += _element_bytes(column)
        shared = max(
            (each.num_bytes for each in pages if each.is_dictionary or each.has_prefixes), default=0
        )
        if column.physical_type != "BYTE_ARRAY" or not shared:
            continue
        is_list = bool(column.max_repetition_level)
        # Arrow has no dictionaries of JSON.
        can_share = (
            not any(each.has_prefixes for each in pages) and column.logical_type.type != "JSON"
        )
        if can_share and not has_list_views and (shares or is_list):
            dictionaries.append(index)
            shared_bytes += shared
        elif not is_list:
            row_bytes += shared
        elif chunk.total_compressed_size <= LITTLE:
            num_bytes = shared * sum(each.num_values for each in pages)
            _check(num_bytes <= AT_WORST, columns, packed, num_bytes)
    _check(unpacked <= max(MAX_UNPACKED, MAX_RATIO * packed), columns, packed, unpacked)
    num_rows = min(num_rows, max(1, AT_ONCE // max(1, row_bytes)))
    in_all = max(IN_ALL, MAX_RATIO * packed)
    return Allowed(num_rows, tuple(dictionaries), shared_bytes, in_all)


def _is_of(path: str, names: Collection[str]) -> bool:
    """Whether a leaf is read with one of the columns, whose names may have dots themselves."""
    parts = path.split(".")
    return any(".".join(parts[:num]) in names for num in range(1, len(parts) + 1))


def _unpacked(chunk: pq.ColumnChunkMetaData, column: pq.ColumnSchema, pages: Sequence[Page]) -> int:
    """Return what a column takes at most if nothing of it is shared."""
    num_bytes: int = max(chunk.total_uncompressed_size, sum(page.num_bytes for page in pages))
    num_bytes += ELEMENT_BYTES * sum(page.num_values for page in pages if page.is_dictionary)
    num_bytes += LENGTH_BYTES * max(
        (page.num_values for page in pages if page.has_lengths), default=0
    )
    num_values = sum(page.num_values for page in pages if not page.is_dictionary)
    # A flat one is read a few rows at a time; but even a single null may be a large one.
    num_values = num_values if column.max_repetition_level else min(1, num_values)
    return num_bytes + _element_bytes(column) * num_values


def _element_bytes(column: pq.ColumnSchema) -> int:
    """Return what a value takes at least, even a null."""
    length: int = column.length if column.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0
    return max(length, ELEMENT_BYTES * max(1, column.max_repetition_level))


def _check(is_honest: bool, columns: Collection[str], packed: int, num_bytes: int) -> None:
    if not is_honest:
        raise MalformedError(
            f"has {packed:,} bytes of its column {_named(columns)} that unpack to {num_bytes:,}"
        )


def _named(columns: Collection[str]) -> str:
    """Return the names of the first columns for a message."""
    return ", ".join(map(repr, list(columns)[:3]))


def _pieces(batch: pa.RecordBatch, allowed: Allowed) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Yield a batch in pieces with the sizes of their values, few enough to be unpacked at once.

    Raises:
        MalformedError: A single row takes more than all entries of the dictionaries.
    """
    # Nothing is shared where nothing is read as dictionaries.
    num_bytes = sum(map(_num_bytes, batch.columns)) if allowed.dictionaries else 0
    if num_bytes <= AT_ONCE or (len(batch) == 1 and num_bytes <= allowed.num_bytes):
        yield batch, num_bytes
        return
    half = len(batch) // 2
    if not half:
        named = _named(batch.schema.names)
        raise MalformedError(f"has a row of its column {named} that unpacks to {num_bytes:,} bytes")
    yield from _pieces(batch.slice(0, half), allowed)
    yield from _pieces(batch.slice(half), allowed)


def _schema(file: pq.ParquetFile, columns: Sequence[str]) -> pa.Schema:
    """Return the schema of columns as they are read without dictionaries."""
    return file.read_row_groups([], columns=list(columns), use_threads=False).schema


def _plain_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = map(_cast, batch.columns, schema.types)
    return pa.RecordBatch.from_arrays(list(arrays), schema=schema)


def _num_bytes(cells: pa.Array) -> int:
    """Return the size of the values that are numbers of entries in a dictionary."""
    held = cells.type
    if pa.types.is_dictionary(held):
        if not (pa.types.is_string(held.value_type) or pa.types.is_binary(held.value_type)):
            return 0
        return pc.sum(pc.binary_length(cells.dictionary).take(cells.indices)).as_py() or 0
    if pa.types.is_struct(held):
        return sum(map(_num_bytes, cells.flatten()))
    if pa.types.is_map(held):
        # Flattening one is not implemented.
        pairs = pa.StructArray.from_arrays([cells.keys, cells.items], ["key", "value"])
        cells = pa.ListArray.from_arrays(cells.offsets, pairs)
    if pa.types.is_nested(held):
        return _num_bytes(cells.flatten())
    return 0


def _cast(cells: pa.Array, held: pa.DataType) -> pa.Array:
    """Return cells as they would have been read without dictionaries."""
    if cells.type == held:
        return cells
    try:
        return cells.cast(held)
    except pa.ArrowNotImplementedError:
        # A view.
        return cells.cast(_plain(cells.type)).cast(held)


def _plain(held: pa.DataType) -> pa.DataType:
    """Return a type without dictionaries and views."""
    if pa.types.is_dictionary(held):
        return held.value_type
    if pa.types.is_struct(held):
        fields = map(held.field, range(held.num_fields))
        return pa.struct([each.with_type(_plain(each.type)) for each in fields])
    if pa.types.is_nested(held) and not pa.types.is_map(held):
        return pa.list_(held.value_field.with_type(_plain(held.value_type)))
    return held

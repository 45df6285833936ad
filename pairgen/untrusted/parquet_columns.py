"""The pages of one column in a row group of a Parquet file, wherever that lies."""

import io
from collections.abc import Sequence
from typing import BinaryIO

import pyarrow.parquet as pq

from pairgen.untrusted.malformed import MalformedError, shown
from pairgen.untrusted.parquet_delta import check_lengths
from pairgen.untrusted.parquet_pages import Page, read_pages

# What unpacks to more is not honest if it was packed to a thousandth.
MAX_UNPACKED, MAX_RATIO = 64 * 1024**2, 1000
# Rows of a row group that may be packed to nothing, as nulls are: each takes time to read.
MAX_ROWS = 2**24
# A column of a stream whose pages are looked at: of a larger one as much would be taken anyway.
MAX_STREAMED = 1024**2

# A path, a stream of which parts are read, or the whole file in memory.
Source = str | io.RawIOBase | io.BytesIO


def column_pages(
    chunk: pq.ColumnChunkMetaData, column: pq.ColumnSchema, source: Source
) -> list[Page]:
    """Return the pages of a column in a row group; none if it is a large one of a stream.

    Args:
        chunk: What the footer says of the column in the row group.
        column: What the schema says of it.
        source: What the file was opened from.

    Raises:
        MalformedError: Pages are damaged, have more lengths of texts than values, or a few bytes
            hold billions of rows.
    """
    start, num_bytes = chunk.data_page_offset, chunk.total_compressed_size
    if 0 < (chunk.dictionary_page_offset or 0) < start:
        start = chunk.dictionary_page_offset
    if start < 0 or num_bytes < 0:
        raise MalformedError(f"has a column of {num_bytes:,} bytes at {start:,}")
    if isinstance(source, str):
        with open(source, "rb") as file:
            return _pages_of(file, start, start + num_bytes, chunk, column)
    if isinstance(source, io.BytesIO):
        return _pages_of(source, start, start + num_bytes, chunk, column)
    if num_bytes > MAX_STREAMED:
        return []
    source.seek(start)
    data = source.read(num_bytes) or b""
    return _pages_of(io.BytesIO(data), 0, len(data), chunk, column)


def _pages_of(
    file: BinaryIO, start: int, stop: int, chunk: pq.ColumnChunkMetaData, column: pq.ColumnSchema
) -> list[Page]:
    """Return the pages of a column; their rows and lengths of texts are checked."""
    pages = list(read_pages(file, start, stop, chunk.num_values))
    if not column.max_repetition_level:
        _check_rows(pages, chunk.total_compressed_size, column)
    for page in pages:
        if page.has_lengths and page.num_bytes <= max(MAX_UNPACKED, MAX_RATIO * page.num_packed):
            file.seek(page.place)
            packed = file.read(page.num_packed)
            check_lengths(page, packed, chunk.compression, column)
    return pages


def _check_rows(pages: Sequence[Page], packed: int, column: pq.ColumnSchema) -> None:
    num_rows = sum(page.num_values for page in pages if not page.is_dictionary)
    if num_rows > max(MAX_ROWS, MAX_RATIO * packed):
        named = shown(column.path)
        raise MalformedError(
            f"has {packed:,} bytes of its column {named} that hold {num_rows:,} rows"
        )

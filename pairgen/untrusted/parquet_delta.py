"""The lengths of texts in a page of Parquet that keeps them apart (`DELTA_LENGTH_BYTE_ARRAY`).

Arrow makes room for as many lengths as the page says, inside of what was packed, before it reads
one. The layout is that of `Encodings.md` of https://github.com/apache/parquet-format.
"""

import struct

import pyarrow as pa
import pyarrow.parquet as pq

from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.parquet_pages import DATA_PAGE_V2, Page

CODECS = {"SNAPPY": "snappy", "GZIP": "gzip", "BROTLI": "brotli", "ZSTD": "zstd", "LZ4": "lz4_raw"}


def check_lengths(page: Page, packed: bytes, codec: str, column: pq.ColumnSchema) -> None:
    """Check that a page has no more lengths than values.

    Args:
        page: The page.
        packed: Its bytes behind its header.
        codec: How they are packed, as the column's metadata says.
        column: The column.

    Raises:
        MalformedError: It has more, or is damaged.
    """
    try:
        values = _values(page, packed, codec, column)
        place = _check_count(values, 0, page)
        if page.has_prefixes:
            # The lengths of what each text shares with the one before it come first.
            _check_count(values, place, page)
    except MalformedError:
        raise
    except (IndexError, struct.error, OSError, ValueError, KeyError):
        raise MalformedError("has a page that cannot be unpacked") from None


def _values(page: Page, packed: bytes, codec: str, column: pq.ColumnSchema) -> memoryview:
    """Return what is in a page behind its levels."""
    if page.kind == DATA_PAGE_V2:
        # Only the values are packed.
        rest = packed[page.level_bytes :]
        if not page.is_packed:
            return memoryview(rest)
        return _unpacked(rest, codec, page.num_bytes - page.level_bytes)
    data = _unpacked(packed, codec, page.num_bytes)
    levels = (column.max_repetition_level, column.max_definition_level)
    if any(levels) and page.has_old_levels:
        raise MalformedError("has a page with lengths of texts and levels of an older encoding")
    place = 0
    for most in levels:
        if most:
            (num_bytes,) = struct.unpack_from("<I", data, place)
            place += 4 + num_bytes
    return data[place:]


def _unpacked(data: bytes, codec: str, num_bytes: int) -> memoryview:
    if codec == "UNCOMPRESSED":
        return memoryview(data)
    found = pa.Codec(CODECS[codec]).decompress(data, decompressed_size=num_bytes)
    # Arrow's bytes have signs.
    return memoryview(found).cast("B")


def _check_count(data: memoryview, place: int, page: Page) -> int:
    """Check the number of a sequence of deltas; return where the sequence ends."""
    block, place = _number(data, place)
    num_parts, place = _number(data, place)
    count, place = _number(data, place)
    _, place = _number(data, place)
    if count > page.num_values:
        raise MalformedError(
            f"has a page of {page.num_values:,} values with {count:,} lengths of texts"
        )
    if not num_parts or block % (8 * num_parts):
        raise MalformedError("has a page with lengths in blocks of no whole bytes")
    in_part = block // num_parts
    left = count - 1
    while left > 0:
        _, place = _number(data, place)
        widths = bytes(data[place : place + num_parts])
        if len(widths) < num_parts or not in_part:
            raise MalformedError("ends within the lengths of its texts")
        place += num_parts
        for width in widths:
            if left > 0:
                place += in_part * width // 8
                left -= in_part
    return place


def _number(data: memoryview, place: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise MalformedError("has a number without end among the lengths of its texts")

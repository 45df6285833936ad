"""Lengths of texts inside of the pages of Parquet: as many as there are values, or refused."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.parquet_delta import check_lengths
from pairgen.untrusted.parquet_pages import (
    DATA_PAGE,
    DATA_PAGE_V2,
    DELTA_BYTE_ARRAY,
    DELTA_LENGTH_BYTE_ARRAY,
    Page,
)


def number(value: int) -> bytes:
    """Return a number in seven bits a byte."""
    coded = b""
    while value > 127:
        coded, value = coded + bytes([value & 127 | 128]), value >> 7
    return coded + bytes([value])


def equal_lengths(count: int, block: int = 128, parts: int = 4) -> bytes:
    """Return so many lengths of zero."""
    num_blocks = max(0, -((1 - count) // block))
    head = b"".join(map(number, (block, parts, count, 0)))
    return head + (b"\0" + b"\0" * parts) * num_blocks


def column(nullable: bool) -> pq.ColumnSchema:
    sink = pa.BufferOutputStream()
    schema = pa.schema([pa.field("text", pa.string(), nullable=nullable)])
    pq.write_table(schema.empty_table(), sink)
    return pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema.column(0)


def page(data: bytes, encoding: int, num_values: int = 1000, **given: object) -> Page:
    facts = {"kind": DATA_PAGE, "num_bytes": len(data), **given}
    return Page(num_values=num_values, encoding=encoding, **facts)


@pytest.mark.parametrize("count", [0, 1, 128, 129, 1000])
@pytest.mark.parametrize("levels", [b"", b"\3\0\0\0abc"])
def test_as_many_lengths_as_values_are_fine(count: int, levels: bytes) -> None:
    for encoding, num in ((DELTA_LENGTH_BYTE_ARRAY, 1), (DELTA_BYTE_ARRAY, 2)):
        data = levels + num * equal_lengths(count)
        check_lengths(page(data, encoding), data, "UNCOMPRESSED", column(bool(levels)))
        packed = pa.compress(data, "zstd", asbytes=True)
        check_lengths(page(data, encoding), packed, "ZSTD", column(bool(levels)))


@pytest.mark.parametrize("is_second", [False, True])
def test_more_lengths_than_values_are_refused_in_either_sequence(is_second: bool) -> None:
    lying, encoding = equal_lengths(10**8, 2**20, 1), DELTA_LENGTH_BYTE_ARRAY
    if is_second:
        lying, encoding = equal_lengths(1000) + lying, DELTA_BYTE_ARRAY
    with pytest.raises(MalformedError, match="of 1,000 values with 100,000,000 lengths"):
        check_lengths(page(lying, encoding), lying, "UNCOMPRESSED", column(False))


def test_levels_of_the_second_kind_of_page_are_not_packed() -> None:
    data = equal_lengths(1000)
    whole = b"levels" + pa.compress(data, "snappy", asbytes=True)
    second = {"kind": DATA_PAGE_V2, "num_bytes": len(data) + 6, "level_bytes": 6}
    check_lengths(page(data, 6, **second), whole, "SNAPPY", column(True))
    plain = page(data, 6, **second, is_packed=False)
    check_lengths(plain, b"levels" + data, "SNAPPY", column(True))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "cannot be unpacked"),
        (b"\xff" * 20, "a number without end"),
        (b"\x80\x01\0\x05\0", "blocks of no whole bytes"),
        (b"\x03\x01\x05\0", "blocks of no whole bytes"),
        (b"\x80\x01\x04\x05\0\0", "ends within the lengths"),
        (b"\0\x01\x05\0\0\0", "ends within the lengths"),
    ],
)
def test_damaged_lengths_are_told(data: bytes, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        check_lengths(page(data, DELTA_BYTE_ARRAY), data, "UNCOMPRESSED", column(False))


def test_what_cannot_be_looked_into_is_refused() -> None:
    data = equal_lengths(3)
    for codec in ("LZO", "ZSTD"):
        with pytest.raises(MalformedError, match="cannot be unpacked"):
            check_lengths(page(data, 6), data, codec, column(False))
    with pytest.raises(MalformedError, match="levels of an older encoding"):
        check_lengths(page(data, 6, has_old_levels=True), data, "UNCOMPRESSED", column(True))

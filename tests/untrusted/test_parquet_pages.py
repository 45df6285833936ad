"""Headers of the pages of Parquet files: honest, damaged, and read as Arrow reads them."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.parquet_batches import read_batches
from pairgen.untrusted.parquet_pages import DATA_PAGE, DICTIONARY_PAGE, read_pages


def test_pages_are_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    texts = [f"{number % 7} apples" for number in range(20_000)]
    pq.write_table(pa.table({"text": texts, "number": range(20_000)}), path, data_page_size=4096)
    group = pq.ParquetFile(path).metadata.row_group(0)
    with path.open("rb") as file:
        for at in range(2):
            chunk = group.column(at)
            start = chunk.dictionary_page_offset
            stop = start + chunk.total_compressed_size
            pages = list(read_pages(file, start, stop, chunk.num_values))
            assert [page.kind for page in pages].count(DICTIONARY_PAGE) == 1
            data = [page for page in pages if page.kind == DATA_PAGE]
            assert sum(page.num_values for page in data) == 20_000
            # The sum of a footer has the headers in it.
            unpacked = sum(page.num_bytes for page in pages)
            assert 0 <= chunk.total_uncompressed_size - unpacked <= 100 * len(pages)


def test_numbers_of_headers_are_those_that_arrow_reads() -> None:
    kind, end = b"\x15\x00", b"\x2c\x15\x02\x15\x00\x00\x00"
    # 1,000 bytes; then field 2 as a number of 64 bits, or field 65,538.
    long, far = b"\x15\xd0\x0f\x06\x04\x02\x15\x00", b"\x15\x00\x05\x84\x80\x08\x14\x15\x00"
    # Packed to 2**32 bytes: no byte in 32 bits.
    much = b"\x15\x0e\x15\x80\x80\x80\x80\x20"
    data = b"".join(kind + each + end for each in (much, long, far))
    assert [page.num_bytes for page in read_pages(io.BytesIO(data), 0, 99, 3)] == [7, 1000, 10]


def test_every_flipped_byte_of_a_header_is_read_or_refused(tmp_path):
    path = tmp_path / "table.parquet"
    table = pa.table({"text": ["apple"] * 3, "number": [1, 2, 3]})
    pq.write_table(table, path, compression="zstd", write_statistics=False, store_schema=False)
    data = path.read_bytes()
    file = pq.ParquetFile(path)
    refused = 0
    for at in range(4, len(data) - 8):
        for bit in range(8):
            flipped = data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]
            try:
                list(read_batches(file, io.BytesIO(flipped), 0, ["text", "number"], 2))
            except MalformedError:
                refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "ends within the header"),
        (b"\x15\x00", "ends within the header"),
        (b"\x15" + b"\xff" * 11, "a number that does not end"),
        (b"\x1c" * 20, "nested too deeply"),
        (b"\x1d", "a field of unknown type 13"),
        (b"\x15\x00\x00", "a page without its sizes"),
        (b"\x15\x00\x15\x01\x15\x00\x00", "a page without its sizes"),
        (b"\x15\x00\x15\x00\x15\x00\x00", "a page without its number of values"),
        (b"\x18\xff\xff\xff\xff\x0f", "ends within the header"),
        (b"\x19\xf5\xff\xff\xff\xff\x0f", "ends within the header"),
        (b"\x1b\xff\xff\xff\xff\x0f\x55", "ends within the header"),
    ],
)
def test_damaged_headers_are_told(data: bytes, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        list(read_pages(io.BytesIO(data), 0, max(1, len(data)), 1))

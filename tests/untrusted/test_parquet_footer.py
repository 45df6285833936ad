"""Footers of Parquet files that claim more than there is, or places that are not there."""

import io
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.errors import ConfigError
from pairgen.shards.format.index import decode_table
from pairgen.sources.image_tables import table_cell
from pairgen.sources.tables import table_batches, table_schema
from pairgen.untrusted.parquet_file import MAX_ITEMS, open_parquet
from tests.untrusted.memory import most_bytes_of
from tests.untrusted.test_parquet import BIG, dictionary, read_all, varint, write

# The beginning of a footer: version 2, and a schema with one column of bytes, `image`.
BEGIN = b"\x15\x04\x19\x2c\x48\x01s\x15\x02\x00\x15\x0c\x25\x02\x18\x05image\x00"
# A list of a million structs as the next field.
MILLION = b"\x19\xfc\xc0\x84\x3d"
CLAIMS = {
    "fields": b"\x15\x04" + MILLION,
    "row groups": BEGIN + b"\x16\x02" + MILLION,
    "columns": BEGIN + b"\x16\x02\x19\x1c" + MILLION,
}
# Numbers of rows as Thrift writes them.
MINUS_ONE, NONE, ONE, THREE, FIVE = b"\x01", b"\x00", b"\x02", b"\x06", b"\x0a"
READ = {
    "rows": lambda path: list(table_batches(path, "parquet", ["image"], 64)),
    "schema": lambda path: table_schema(path, "parquet"),
    "cell": lambda path: table_cell(path, "parquet", "image", 0),
    "index": lambda path: decode_table(path.read_bytes(), 2),
}


def with_footer(footer: bytes, pages: bytes = b"") -> bytes:
    return b"PAR1" + pages + footer + struct.pack("<I", len(footer)) + b"PAR1"


def replace_in_footer(path: Path, old: bytes, new: bytes) -> None:
    """Replace bytes that the footer has once by as many others."""
    data = path.read_bytes()
    (num_bytes,) = struct.unpack("<I", data[-8:-4])
    start = len(data) - 8 - num_bytes
    footer = data[start:]
    assert footer.count(old) == 1
    assert len(old) == len(new)
    path.write_bytes(data[:start] + footer.replace(old, new))


def claim_of_file(num: bytes) -> bytes:
    """Return where a footer tells the number of all rows: before its list of one row group."""
    return b"\x16" + num + b"\x19\x1c\x19\x1c"


def claim_of_group(num: bytes) -> bytes:
    """Return where it tells that of a row group: before the place of its pages."""
    return b"\x16" + num + b"\x26\x08"


@pytest.mark.parametrize("claimed", CLAIMS)
@pytest.mark.parametrize("how", READ)
def test_a_footer_that_claims_a_million_of_anything_is_refused(tmp_path, claimed, how):
    path = tmp_path / "table.parquet"
    path.write_bytes(with_footer(CLAIMS[claimed]))
    assert path.stat().st_size < 50
    said = r"(The file .*|it) has a footer that claims more than 100,000 columns or row groups\.?$"
    with pytest.raises((ConfigError, pa.ArrowInvalid), match=said):
        READ[how](path)
    assert most_bytes_of(refused, path, how) < 50 * 2**20


def test_a_footer_with_thousands_of_columns_or_row_groups_is_read() -> None:
    wide = pa.table({f"c{number}": [number] for number in range(3000)})
    for table in (wide, pa.table({"a": range(3000)})):
        sink = io.BytesIO()
        pq.write_table(table, sink, row_group_size=1)
        assert open_parquet(sink).read(use_threads=False).equals(table)
    assert MAX_ITEMS > 30 * 3000


@pytest.mark.parametrize("claimed", [MINUS_ONE, NONE, ONE, THREE])
def test_as_many_rows_are_read_as_row_groups_hold(tmp_path, claimed):
    path = write(tmp_path / "table.parquet", image=pa.array([b"a", b"b", b"c"]))
    replace_in_footer(path, claim_of_file(THREE), claim_of_file(claimed))
    assert decode_table(path.read_bytes(), 3).column("image").to_pylist() == [b"a", b"b", b"c"]
    with pytest.raises(pa.ArrowInvalid, match="it has 3 rows for 2 slots"):
        decode_table(path.read_bytes(), 2)
    assert sum(map(len, READ["rows"](path))) == 3
    assert table_cell(path, "parquet", "image", 2) == b"c"


def test_rows_that_a_row_group_claims_and_lacks_are_told(tmp_path):
    path = write(tmp_path / "table.parquet", image=pa.array([b"a", b"b", b"c"]))
    replace_in_footer(path, claim_of_group(THREE), claim_of_group(FIVE))
    assert sum(map(len, READ["rows"](path))) == 3
    assert table_cell(path, "parquet", "image", 2) == b"c"
    with pytest.raises(OSError, match="cannot be read"):
        table_cell(path, "parquet", "image", 4)


def test_an_index_of_millions_of_rows_that_claims_one_is_refused_at_its_third(tmp_path):
    num = 500_000
    path = write(tmp_path / "index.parquet", image=pa.nulls(num, pa.binary()))
    claimed = varint(1, len(varint(num)))
    replace_in_footer(path, claim_of_file(varint(num)), claim_of_file(claimed))
    with pytest.raises(pa.ArrowInvalid, match="it has 3 rows for 2 slots"):
        decode_table(path.read_bytes(), 2)
    # A batch for each row took 600 MB.
    assert most_bytes_of(refused, path, "index") < 200 * 2**20


def test_a_dictionary_before_the_file_is_none(tmp_path):
    path = with_dictionary_before_the_file(tmp_path / "small.parquet", 3, b"a")
    assert table_cell(path, "parquet", "image", 2) == b"a"
    assert decode_table(path.read_bytes(), 3).column("image").to_pylist() == [b"a"] * 3
    # As Arrow does, the pages are looked for where the values begin.
    path = with_dictionary_before_the_file(tmp_path / "large.parquet", 64, b"a" * BIG)
    assert most_bytes_of(read_all, path, "image") < 400 * 2**20


@pytest.mark.timeout(60)
def test_billions_of_rows_in_a_few_bytes_are_refused_at_once(tmp_path):
    path = tmp_path / "table.parquet"
    path.write_bytes(nulls(2**31 - 1))
    assert path.stat().st_size < 200
    with pytest.raises(ConfigError, match=r"has \d\d bytes of its column 'image' that hold 2,147"):
        READ["rows"](path)
    path.write_bytes(nulls(1000))
    assert pa.Table.from_batches(READ["rows"](path))["image"].to_pylist() == [None] * 1000


def with_dictionary_before_the_file(path: Path, num_rows: int, value: bytes) -> Path:
    """Write a column whose dictionary claims byte -4, and whose values claim the dictionary's."""
    write(path, image=dictionary(num_rows, value))
    place = varint(pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset)
    before = b"\x26" + varint(4, len(place)) + b"\x26\x07"
    replace_in_footer(path, b"\x26" + place + b"\x26\x08", before)
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
    assert (chunk.dictionary_page_offset, chunk.data_page_offset) == (-4, 4)
    return path


def nulls(num: int) -> bytes:
    """Return a file of so many nulls in one page: the level 0 so many times, and no value."""
    level = varint(num) + b"\x00"
    level = struct.pack("<I", len(level)) + level
    size, rows = varint(len(level)), varint(num)
    header = b"\x15\x00\x15" + size + b"\x15" + size
    page = header + b"\x2c\x15" + rows + b"\x15\x00\x15\x06\x15\x06\x00\x00" + level
    num_bytes = b"\x16" + varint(len(page))
    column = b"\x15\x0c\x19\x15\x00\x19\x18\x05image\x15\x00\x16" + rows + 2 * num_bytes
    group = b"\x19\x1c\x26\x08\x1c" + column + b"\x26\x08\x00\x00" + num_bytes
    group += b"\x16" + rows + b"\x00"
    return with_footer(BEGIN + b"\x16" + rows + b"\x19\x1c" + group + b"\x00", page)


def refused(path: Path, how: str) -> None:
    with pytest.raises((ConfigError, pa.ArrowInvalid)):
        READ[how](path)

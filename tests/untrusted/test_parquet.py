"""Parquet files of which a few bytes unpack to gigabytes, and honest ones that look like them."""

import io
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.errors import ConfigError
from pairgen.shards.format.index import decode_table, read_columns
from pairgen.sources.image_tables import table_cell, table_images
from pairgen.sources.tables import table_batches
from pairgen.untrusted.parquet_batches import MAX_UNPACKED, allowed_rows
from tests.untrusted.memory import most_bytes_of

BIG = 50_000_000


def varint(value: int, num_bytes: int = 0) -> bytes:
    """Return a number as Thrift writes it; longer than it need be, so that it takes a place."""
    value, coded = value << 1, b""
    while value > 127 or len(coded) + 1 < num_bytes:
        coded, value = coded + bytes([value & 127 | 128]), value >> 7
    return coded + bytes([value])


def with_small_sizes(path: Path) -> None:
    """Let the footer say that every column unpacks to 1,000 bytes."""
    data = path.read_bytes()
    (num_bytes,) = struct.unpack("<I", data[-8:-4])
    start = len(data) - 8 - num_bytes
    pages, footer = data[:start], data[start:]
    group = pq.ParquetFile(path).metadata.row_group(0)
    sizes = {group.column(at).total_uncompressed_size for at in range(group.num_columns)}
    for size in sizes | {group.total_byte_size}:
        assert varint(size) in footer
        footer = footer.replace(varint(size), varint(1000, len(varint(size))))
    path.write_bytes(pages + footer)
    assert pq.ParquetFile(path).metadata.row_group(0).total_byte_size == 1000


def dictionary(num_rows: int, value: bytes | str) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * num_rows, pa.int32()), pa.array([value]))


def write(path: Path, **columns: pa.Array) -> Path:
    # Without the schema of Arrow, which would keep dictionaries as such.
    pq.write_table(
        pa.table(columns),
        path,
        compression="zstd",
        write_statistics=False,
        store_schema=False,
        dictionary_pagesize_limit=2 * BIG,
    )
    return path


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "lz4", "zstd"])
@pytest.mark.parametrize("encoding", [None, "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_whatever_is_honest_is_read(tmp_path, version, codec, encoding) -> None:
    path = tmp_path / "table.parquet"
    texts = pa.array([None if number % 5 == 0 else f"text {number}" for number in range(3000)])
    lists = pa.array([[f"a {number % 9}", None] * (number % 3) for number in range(3000)])
    images = pa.array([{"bytes": bytes([number % 256]) * 40, "path": ""} for number in range(3000)])
    table = pa.table({"text": texts, "captions": lists, "image": images})
    chosen = {} if encoding is None else {"column_encoding": {"text": encoding}}
    pq.write_table(
        table,
        path,
        compression=codec,
        data_page_version=version,
        row_group_size=1100,
        data_page_size=2000,
        use_dictionary=["captions.list.element", "image.bytes"] if chosen else True,
        **chosen,
    )
    found = pa.Table.from_batches(table_batches(path, "parquet", table.column_names, 64))
    assert found.to_pylist() == table.to_pylist()
    for row in (0, 63, 64, 1099, 1100, 2999):
        assert table_cell(path, "parquet", "image", row) == images[row].as_py()["bytes"]


@pytest.mark.parametrize("name", ["image", "captions"])
def test_a_page_that_unpacks_to_gigabytes_is_refused_whatever_the_footer_says(tmp_path, name):
    value = ["a" * 10 * BIG] if name == "captions" else b"a" * 10 * BIG
    path = write(tmp_path / "table.parquet", **{name: pa.array([value])})
    del value
    assert path.stat().st_size < 20_000
    with_small_sizes(path)
    with pytest.raises(ConfigError, match=r"has \d\d,\d+ bytes of its column .* unpack to 50\d,"):
        list(table_batches(path, "parquet", [name], 64))
    if name == "image":
        with pytest.raises(ConfigError, match=r"that unpack to 50\d,"):
            table_cell(path, "parquet", "image", 0)
    assert most_bytes_of(refused, path, name) < MAX_UNPACKED


@pytest.mark.parametrize("is_struct", [True, False])
def test_images_that_share_their_bytes_are_unpacked_a_few_at_a_time(tmp_path, is_struct):
    cells = dictionary(64, b"a" * BIG)
    if is_struct:
        cells = pa.StructArray.from_arrays([cells, pa.array(["x"] * 64)], ["bytes", "path"])
    path = write(tmp_path / "images.parquet", image=cells)
    assert path.stat().st_size < 5_000
    assert [size for size, _ in table_images(path, "parquet", "")[1]] == [BIG] * 64
    assert len(table_cell(path, "parquet", "image", 63)) == BIG
    # All 64 are 3.2 GB.
    assert most_bytes_of(sizes, path) < 400 * 2**20


def test_texts_that_share_their_beginnings_are_unpacked_a_few_at_a_time(tmp_path):
    path = tmp_path / "captions.parquet"
    pq.write_table(
        pa.table({"text": ["a" * (BIG // 2)] * 64}),
        path,
        compression="zstd",
        use_dictionary=False,
        column_encoding={"text": "DELTA_BYTE_ARRAY"},
        write_statistics=False,
    )
    assert path.stat().st_size < 10_000
    assert most_bytes_of(read_all, path, "text") < 400 * 2**20


def test_lists_that_share_their_texts_are_refused_if_they_take_gigabytes(tmp_path):
    lists = pa.ListArray.from_arrays(pa.array([0, 32, 64], pa.int32()), dictionary(64, "a" * BIG))
    path = write(tmp_path / "captions.parquet", captions=lists)
    with pytest.raises(ConfigError, match="a row of its column 'captions' that unpacks to 1,6"):
        read_all(path, "captions")
    assert most_bytes_of(refused, path, "captions") < 400 * 2**20


def test_a_row_with_millions_of_elements_is_refused(tmp_path):
    num = 20_000_000
    lists = pa.ListArray.from_arrays(pa.array([0, num], pa.int32()), pa.nulls(num, pa.string()))
    path = write(tmp_path / "captions.parquet", captions=lists)
    assert path.stat().st_size < 5_000
    with pytest.raises(ConfigError, match="that unpack to 3"):
        read_all(path, "captions")


def test_an_index_whose_texts_share_gigabytes_is_refused(tmp_path):
    path = write(tmp_path / "index.parquet", prompt=dictionary(64, "a" * BIG))
    for read in (decode_table, lambda *given: read_columns(given[0], ["prompt"], given[1])):
        with pytest.raises(pa.ArrowInvalid, match="its columns take"):
            read(path.read_bytes(), 64)


@pytest.mark.parametrize("name", ["text", "a.b"])
def test_the_name_of_a_column_hides_nothing(tmp_path, name):
    path = write(tmp_path / "table.parquet", **{name: dictionary(64, "a" * BIG)})
    data = path.read_bytes()
    # The footer tells the name in its schema and once more of the column of each row group.
    at = data.rindex(name.encode()) if name == "text" else len(data)
    path.write_bytes(data[:at] + b"else"[: len(data) - at] + data[at + 4 :])
    assert most_bytes_of(read_all, path, name) < 400 * 2**20


def test_fields_of_a_struct_are_unpacked_at_once(tmp_path):
    cells = pa.StructArray.from_arrays([dictionary(1, b"a" * (BIG // 5))] * 8, list("abcdefgh"))
    path = write(tmp_path / "images.parquet", image=cells)
    with pytest.raises(ConfigError, match="that unpack to 80,"):
        read_all(path, "image")


def test_what_lies_beside_an_image_is_not_unpacked(tmp_path):
    lists = pa.ListArray.from_arrays(pa.array([0, 64], pa.int32()), dictionary(64, "a" * BIG))
    cells = pa.StructArray.from_arrays([pa.array([b"x"]), lists], ["bytes", "more"])
    path = write(tmp_path / "images.parquet", image=cells)
    assert most_bytes_of(first_cell, path) < 400 * 2**20


def test_a_cell_among_millions_without_bytes_takes_no_memory_for_them(tmp_path):
    image, num = pa.array([b"x"]), 10_000_000
    images = pa.concat_arrays([image, pa.nulls(num, image.type)])
    cells = pa.StructArray.from_arrays([images], ["bytes"])
    path = tmp_path / "images.parquet"
    pq.write_table(pa.table({"image": cells}), path, row_group_size=2 * num)
    assert most_bytes_of(first_cell, path) < 400 * 2**20


def test_how_many_rows_are_allowed(tmp_path):
    path = str(tmp_path / "table.parquet")
    images = [bytes([number]) * 3_000_000 for number in range(30)]
    pq.write_table(pa.table({"image": images, "nulls": pa.nulls(30, pa.binary(4_000_000))}), path)
    file = pq.ParquetFile(path)
    # A null takes as much as a value.
    assert allowed_rows(file, path, 0, ["nulls"], 30).num_rows == 16
    # Cells that are read one by one share a dictionary, however large.
    assert allowed_rows(file, path, 0, ["image"], 30).num_rows < 30
    assert allowed_rows(file, path, 0, ["image"], 30, shares=True).num_rows == 30
    assert table_cell(Path(path), "parquet", "image", 29) == images[29]


def test_elements_that_may_share_gigabytes_are_refused(tmp_path):
    table = pa.table({"captions": pa.array([["a" * (BIG // 2)] + [""] * 63])})
    path, encoding = tmp_path / "table.parquet", {"captions.list.element": "DELTA_BYTE_ARRAY"}
    pq.write_table(table, path, compression="zstd", use_dictionary=False, column_encoding=encoding)
    with pytest.raises(ConfigError, match="that unpack to 1,600,"):
        read_all(path, "captions")


@pytest.mark.parametrize("store_schema", [True, False])
def test_types_and_metadata_are_those_of_the_file(store_schema: bool) -> None:
    pairs = [[("a", "b")], None, [("c", None)]]
    texts = [["a", None], None, ["c", "d"]]
    kinds = {
        **{"map": pa.map_(pa.string(), pa.string()), "large": pa.large_list(pa.large_string())},
        **{"views": pa.list_(pa.string_view()), "list_view": pa.list_view(pa.string())},
        **{"fixed": pa.list_(pa.string(), 2), "text": pa.list_(pa.string()), "a.b": pa.string()},
    }
    cells = {"map": pairs, "fixed": [["a", "b"]] * 3, "a.b": ["a", None, "c"]}
    arrays = [pa.array(cells.get(name, texts), kind) for name, kind in kinds.items()]
    fields = [pa.field(name, kind, metadata={"of": name}) for name, kind in kinds.items()]
    buffer = io.BytesIO()
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    pq.write_table(table, buffer, row_group_size=2, store_schema=store_schema)
    found, expected = decode_table(buffer.getvalue()), pq.read_table(buffer)
    assert found.schema.equals(expected.schema, check_metadata=True)
    assert found.to_pylist() == expected.to_pylist()


def read_all(path: Path, name: str) -> None:
    for batch in table_batches(path, "parquet", [name], 64):
        assert batch.num_rows


def refused(path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        read_all(path, name)


def first_cell(path: Path) -> None:
    assert table_cell(path, "parquet", "image", 0) == b"x"


def sizes(path: Path) -> None:
    assert sum(size for size, _ in table_images(path, "parquet", "")[1]) == 64 * BIG
    table_cell(path, "parquet", "image", 63)

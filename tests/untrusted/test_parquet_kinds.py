"""Values that Arrow reads otherwise than short texts: of gigabytes, of JSON, of one length."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.errors import ConfigError
from pairgen.sources.image_tables import table_cell
from pairgen.sources.tables import table_batches
from pairgen.untrusted.parquet_batches import allowed_rows
from tests.untrusted.memory import most_bytes_of
from tests.untrusted.test_parquet import BIG, read_all, write

# Images of 2.2 GB together.
NUM_LARGE, LARGE = 34, 2**26
# A value of one length, and how often it stands in 640 MB.
LENGTH, TIMES = 10_000_000, 64

needs_json = pytest.mark.skipif(not hasattr(pa, "json_"), reason="this pyarrow has no JSON")


def rows_of(path: Path, name: str) -> list[object]:
    return pa.Table.from_batches(table_batches(path, "parquet", [name], 64))[name].to_pylist()


def write_repeated(path: Path, value: pa.Array, num: int, codec: str) -> Path:
    """Write a row group of the same row many times, without having it so often in memory."""
    pq.write_table(
        pa.table({"image": pa.chunked_array([value] * num)}),
        path,
        compression=codec,
        use_dictionary=codec == "zstd",
        write_statistics=False,
        dictionary_pagesize_limit=2 * BIG,
    )
    assert pq.ParquetFile(path).metadata.num_row_groups == 1
    return path


@pytest.mark.slow
def test_images_behind_two_gigabytes_of_a_row_group_are_found(tmp_path):
    path = tmp_path / "images.parquet"
    # At 1:250, as an honest file may be.
    write_repeated(path, pa.array([b"a" * LARGE]), NUM_LARGE, "lz4")
    assert most_bytes_of(last_cell, path) > 2**31


@needs_json
def test_lists_of_json_are_read(tmp_path):
    texts = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}'] * 3 + [None]))
    lists = pa.ListArray.from_arrays(pa.array([0, None, 2, 4], pa.int32()), texts)
    path = write(tmp_path / "table.parquet", captions=lists)
    column = pq.ParquetFile(path).schema.column(0)
    assert column.logical_type.type == "JSON"
    assert "RLE_DICTIONARY" in pq.ParquetFile(path).metadata.row_group(0).column(0).encodings
    assert rows_of(path, "captions") == lists.to_pylist()
    assert lists.to_pylist() == [['{"a": 1}'] * 2, None, ['{"a": 1}', None]]


@needs_json
def test_lists_of_json_that_may_share_gigabytes_are_refused(tmp_path):
    text = '"' + "a" * BIG + '"'
    texts = pa.ExtensionArray.from_storage(pa.json_(), pa.array([text]))
    del text
    # One text, and 63 places that may be the same one: an entry and its copies are not told apart.
    more = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1"] * 63))
    lists = pa.ListArray.from_arrays(pa.array([0, 64], pa.int32()), pa.concat_arrays([texts, more]))
    path = write(tmp_path / "table.parquet", captions=lists)
    assert path.stat().st_size < 10_000
    with pytest.raises(ConfigError, match="of its column 'captions' that unpack to 3,3"):
        read_all(path, "captions")


def test_values_of_one_length_that_share_bytes_are_unpacked_a_few_at_a_time(tmp_path):
    path = tmp_path / "images.parquet"
    value = pa.array([b"a" * LENGTH], pa.binary(LENGTH))
    write_repeated(path, value, TIMES, "zstd")
    assert path.stat().st_size < 10_000
    assert most_bytes_of(read_all, path, "image") < 300 * 2**20
    assert most_bytes_of(last_fixed_cell, path) < 300 * 2**20


@pytest.mark.parametrize("is_hostile", [True, False])
def test_lists_of_values_of_one_length_are_read_or_refused_by_their_size(tmp_path, is_hostile):
    num = 64 if is_hostile else 3
    values = pa.array([b"a" * 2_000_000] * num, pa.binary(2_000_000))
    lists = pa.ListArray.from_arrays(pa.array([0, num], pa.int32()), values)
    path = write(tmp_path / "table.parquet", captions=lists)
    assert path.stat().st_size < 10_000
    if is_hostile:
        with pytest.raises(ConfigError, match="of its column 'captions' that unpack to 130,"):
            read_all(path, "captions")
    else:
        assert rows_of(path, "captions") == lists.to_pylist()


def test_values_of_one_length_are_read_by_their_length_whatever_their_dictionary_takes(tmp_path):
    values = pa.array([bytes([number % 256, number // 256]) * 500 for number in range(2000)])
    path = write(tmp_path / "images.parquet", image=values.cast(pa.binary(1000)))
    assert "RLE_DICTIONARY" in pq.ParquetFile(path).metadata.row_group(0).column(0).encodings
    # Their dictionary takes 2 MB; Arrow has none of such values.
    for shares in (False, True):
        allowed = allowed_rows(pq.ParquetFile(path), str(path), 0, ["image"], 2000, shares)
        assert (allowed.num_rows, allowed.dictionaries) == (2000, ())
    assert rows_of(path, "image") == values.to_pylist()


def last_cell(path: Path) -> None:
    assert len(table_cell(path, "parquet", "image", NUM_LARGE - 1)) == LARGE


def last_fixed_cell(path: Path) -> None:
    assert len(table_cell(path, "parquet", "image", TIMES - 1)) == LENGTH

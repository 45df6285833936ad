"""The index: one row a sample, equal bytes for equal rows."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.seeding import array_crc32
from pairgen.shards.format.index import (
    decode_index,
    decode_table,
    encode_index,
    index_columns,
    index_row,
    read_columns,
)
from tests.small_sets import FACT_KEYS, make_plan, make_sample


def test_a_row_holds_key_place_prompt_facts_and_checksums() -> None:
    sample = make_sample(make_plan(), 9)
    row = index_row(sample, shard_index=1, offset=4096)
    assert row["key"] == "000000009"
    assert (row["shard_index"], row["offset"]) == (1, 4096)
    assert row["prompt"] == sample.fields["txt"]
    assert {key: row[key] for key in FACT_KEYS} == dict(sample.facts)
    latent = sample.fields["latent.npy"]
    assert isinstance(latent, np.ndarray)
    assert row["latent_crc32"] == array_crc32(latent)


def test_rows_come_back() -> None:
    rows = [index_row(make_sample(make_plan(), i), 0, 512 * i) for i in range(4)]
    assert decode_index(encode_index(rows)) == rows


def test_some_columns_come_back() -> None:
    rows = [index_row(make_sample(make_plan(), i), 0, 512 * i) for i in range(4)]
    table = read_columns(encode_index(rows), ["offset", "prompt"])
    assert table.to_pylist() == [{name: row[name] for name in ("offset", "prompt")} for row in rows]


def test_a_plan_tells_the_columns() -> None:
    for noise in ("stored", "seed"):
        plan = make_plan(noise=noise)
        assert set(index_columns(plan)) == set(index_row(make_sample(plan, 0), 0, 0))


def test_equal_rows_give_equal_bytes() -> None:
    rows = [index_row(make_sample(make_plan(), i), 0, 512 * i) for i in range(4)]
    assert encode_index(rows) == encode_index(rows)


def test_columns_have_the_types_that_a_search_needs() -> None:
    rows = [index_row(make_sample(make_plan(guidance_scales=(7,)), i), 0, 0) for i in range(4)]
    schema = pq.read_schema(pa.BufferReader(encode_index(rows)))
    assert schema.field("guidance_scale").type == pa.float64()
    assert schema.field("seed").type == pa.int64()
    assert schema.field("prompt_truncated").type == pa.bool_()
    assert schema.field("noise_crc32").type == pa.int64()


def test_bytes_that_are_no_parquet_are_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        decode_index(b"not parquet")


READ_AND_EXIT = """
import sys
from pathlib import Path
import torch  # It makes the end of the process long enough for a late thread.
from pairgen.shards.format.index import decode_index
for _ in range(4):
    decode_index(Path(sys.argv[1]).read_bytes())
"""


@pytest.mark.slow
def test_no_reading_thread_aborts_the_end_of_the_process(tmp_path: Path) -> None:
    """`pq.read_table` of a Python file did, in every third process (apache/arrow#34314)."""
    rows = [index_row(make_sample(make_plan(), i), 0, 512 * i) for i in range(60)]
    (tmp_path / "index.parquet").write_bytes(encode_index(rows))
    command = [sys.executable, "-c", READ_AND_EXIT, str(tmp_path / "index.parquet")]
    codes = [subprocess.run(command, timeout=60).returncode for _ in range(6)]
    assert codes == [0] * 6


def test_more_rows_than_slots_are_refused_unread() -> None:
    table = pa.table({"key": ["000000000"] * 10**6})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    data = buffer.getvalue().to_pybytes()
    before = pa.default_memory_pool().max_memory()
    for read in (decode_table, lambda *given: read_columns(given[0], ["key"], given[1])):
        with pytest.raises(pa.ArrowInvalid, match="1,000,000 rows for 8 slots"):
            read(data, 8)
    assert pa.default_memory_pool().max_memory() == before

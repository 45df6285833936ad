"""What a shard that grows is compared with: the index of the shorter one, whoever has had it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.receipts import Receipt
from pairgen.shards.format import layout
from pairgen.shards.format.growing_shard import LostSampleError, check_keeps
from pairgen.shards.format.index import encode_index
from pairgen.shards.storage.store import LocalStore, open_store
from tests.untrusted.memory import most_bytes_of

KEYS = ["000000000", "000000001"]
NUM_ROWS = 5_000_000


def receipt(stop: int) -> Receipt:
    return Receipt(
        shard_index=0,
        start=0,
        stop=stop,
        count=stop,
        num_bytes=1000,
        sha256="a" * 64,
        index_sha256="b" * 64,
        fingerprint="f",
    )


def check(store: LocalStore, checksums: tuple[int, ...] = (7, 8, 9)) -> None:
    """Check a shard of two samples that grows to three."""
    rows = [{"key": f"{slot:09d}", "image_crc32": each} for slot, each in enumerate(checksums)]
    check_keeps(store, receipt(2), receipt(3), encode_index(rows))


def with_index(folder: Path, **columns: object) -> LocalStore:
    """Return the store of the shorter shard, whose index has these columns."""
    store = open_store(str(folder))
    path = folder / layout.index_path(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd", write_statistics=False)
    return store


def test_an_image_that_became_another_is_told(tmp_path):
    store = with_index(tmp_path, key=KEYS, image_crc32=[7, 8])
    check(store)
    with pytest.raises(LostSampleError, match="its sample 000000001 shows another image now"):
        check(store, (7, 0, 9))


@pytest.mark.parametrize(
    "columns",
    [
        # More rows than the shard has slots.
        {"key": [*KEYS, "000000002"], "image_crc32": [1, 1, 1]},
        {"image_crc32": [1, 1]},
        {"key": KEYS},
        {"key": [0, 1], "image_crc32": [1, 1]},
        {"key": [None, KEYS[1]], "image_crc32": [1, 1]},
    ],
)
def test_of_an_index_that_is_none_nothing_is_known(tmp_path, columns):
    check(with_index(tmp_path, **columns))


def test_rows_of_slots_that_the_shard_has_not_are_passed_over(tmp_path):
    check(with_index(tmp_path, key=["999999999", "no slot"], image_crc32=[1, 1]))


def test_of_a_slot_that_is_told_twice_the_last_row_counts(tmp_path):
    check(with_index(tmp_path, key=[KEYS[0]] * 2, image_crc32=[1, 7]))


def test_an_index_of_millions_of_rows_takes_no_memory(tmp_path):
    keys = pa.DictionaryArray.from_arrays(pa.array(np.zeros(NUM_ROWS, "int32")), KEYS[:1])
    with_index(tmp_path, key=keys.cast(pa.string()), image_crc32=np.full(NUM_ROWS, 7))
    assert (tmp_path / layout.index_path(0)).stat().st_size < 30_000
    assert most_bytes_of(check_folder, tmp_path) < 100 * 2**20


def check_folder(folder: Path) -> None:
    check(open_store(str(folder)))

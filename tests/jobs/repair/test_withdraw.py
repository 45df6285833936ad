"""Repair: bad shards are withdrawn, good ones keep every byte, and a resume heals the set."""

import hashlib
from pathlib import Path

import pytest

from pairgen.errors import ConfigError
from pairgen.jobs.repair.withdraw import shards_to_redo, withdraw
from pairgen.shards.check.verify import verify
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import scan
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.small_sets import flip_byte, make_sample, write_set, write_shard


def hashes(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def resume(store: LocalStore) -> None:
    """Make the missing shards, as any run does."""
    plan = read_plan(store)
    for task in scan(store, plan).missing:
        samples = [make_sample(plan, index) for index in range(task.start, task.stop)]
        write_shard(store, task, samples)


def test_withdrawn_shards_are_gone_and_the_others_untouched(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    before = hashes(store.root)
    withdraw(store, [1])
    gone = {layout.shard_path(1), layout.index_path(1), layout.receipt_path(1)}
    assert hashes(store.root) == {name: sha for name, sha in before.items() if name not in gone}
    assert [task.shard_index for task in scan(store, read_plan(store)).missing] == [1]


def test_repair_gives_the_bytes_that_were_there(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    before = hashes(store.root)
    flip_byte(store.root / "train/00000.tar", 3000)
    store.remove("train/00002.tar")
    bad = shards_to_redo(verify(store), "ode")
    assert bad == [0, 2]
    withdraw(store, bad)
    resume(store)
    assert hashes(store.root) == before
    assert verify(store).clean


def test_receipts_go_before_what_they_vouch_for(tmp_path: Path) -> None:
    """A withdrawal that stops half-way leaves no receipt of a shard that is gone."""
    store = write_set(tmp_path / "set")
    # A folder where a tar should be cannot be removed as a file.
    store.remove("train/00000.tar")
    (store.root / "train/00000.tar").mkdir()
    with pytest.raises(OSError, match="00000"):
        withdraw(store, [0, 1])
    assert store.names(layout.RECEIPTS) == ["00002.json"]


def test_withdrawing_twice_is_no_error(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    withdraw(store, [1])
    withdraw(store, [1])
    withdraw(store, [])
    assert store.names("train") == ["00000.tar", "00002.tar"]


def test_a_shard_beyond_the_plan_is_removed(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    store.put_bytes(layout.receipt_path(7), store.read_bytes(layout.receipt_path(1)))
    store.put_bytes(layout.shard_path(7), store.read_bytes(layout.shard_path(1)))
    withdraw(store, shards_to_redo(verify(store), "ode"))
    assert verify(store).clean


def test_a_clean_set_needs_nothing(tmp_path: Path) -> None:
    assert shards_to_redo(verify(write_set(tmp_path / "set")), "ode") == []


def test_nothing_is_made_again_from_other_prompts(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    store.put_bytes(layout.PROMPTS, b"not arrow")
    flip_byte(store.root / "train/00000.tar", 3000)
    with pytest.raises(ConfigError, match=r"prompts.arrow is damaged or does not match the plan"):
        shards_to_redo(verify(store), "ode")

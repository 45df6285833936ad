"""Runs of an overlay: only what is missing, behind or stale is made, and replaces nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pairgen
from pairgen.errors import ConfigError, CorruptShardError, PlanMismatchError
from pairgen.execution.dataset import make_dataset
from pairgen.execution.run_result import RunResult
from pairgen.jobs.repair.withdraw import withdraw
from pairgen.kinds.maker import MAKERS
from pairgen.kinds.run_options import MakingOptions
from pairgen.shards.check.verify import verify
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipt, scan, write_receipt
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.overlays.overlay import open_layer, overlay_plan
from pairgen.shards.overlays.parent_shards import NO_TAR_SHA256, overlay_tasks
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan, Sample
from tests.overlay_maker import MEMBERS
from tests.small_sets import make_plan, make_sample, planned_noise, write_set, write_shard


@pytest.fixture(autouse=True)
def maker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make overlays by the maker of the tests: pairgen has none yet."""
    monkeypatch.setitem(MAKERS, "overlay", "tests.overlay_maker")


@pytest.fixture
def parent(tmp_path: Path) -> LocalStore:
    """20 samples in shards of 8, slot 9 failed."""
    return write_set(tmp_path / "set", make_plan(20, 8), failed={9: "not finite"})


def annotate(parent: LocalStore) -> tuple[LocalStore, RunResult]:
    """Make, continue or renew the overlay beside a set, as a command would."""
    store = LocalStore(parent.root.parent / "means")
    plan = overlay_plan(read_plan(parent), parent.url, MEMBERS, {"of": "latent.npy"})
    plan = replace(plan, execution={"cpu_threads": 1})
    write_plan(store, plan)
    options = MakingOptions(executor="serial")
    return store, make_dataset(store, plan, options, open_layer(parent))


def samples(plan: Plan, shard_index: int, change: float = 0) -> list[Sample]:
    task = plan.tasks()[shard_index]
    return [
        make_sample(plan, i, lambda plan, slot: planned_noise(plan, slot) + np.float16(change))
        for i in range(task.start, task.stop)
        if i != 9
    ]


def repair(parent: LocalStore, shard_index: int, change: float) -> None:
    """Make a shard of a set again, on a machine whose latents differ by `change`."""
    plan = read_plan(parent)
    failed = read_receipt(parent, shard_index).failed
    withdraw(parent, [shard_index])
    write_shard(parent, plan.tasks()[shard_index], samples(plan, shard_index, change), failed)


def state(store: LocalStore) -> dict[int, tuple[bytes, int]]:
    """Return the bytes and the time of every shard."""
    paths = [store.root / layout.shard_path(shard) for shard in range(3)]
    return {i: (path.read_bytes(), path.stat().st_mtime_ns) for i, path in enumerate(paths)}


def check_means(parent: LocalStore, store: LocalStore) -> None:
    """The overlay is clean, and loads with the means of the latents beside them."""
    report = verify(store)
    assert report.clean and not report.unread, report.table()
    data = pairgen.TrainingSet(parent.url, overlays=[store.url])
    loader = pairgen.Loader(data, fields=["latent.npy", "mean.npy"], batch_size=1, facts=["mean"])
    assert loader.left_out == ()
    assert len(loader) == sum(receipt.count for receipt in open_layer(parent).receipts.values())
    for batch in loader:
        expected = batch["latent.npy"].numpy().astype(np.float32).mean(keepdims=True).reshape(1)
        assert np.array_equal(batch["mean.npy"][0].numpy(), expected)
        assert batch.facts["mean"].tolist() == expected.tolist()


def test_every_receipt_records_what_it_was_made_from(parent: LocalStore) -> None:
    store, result = annotate(parent)
    assert result.manifest.complete and not result.too_many_rejected
    for shard_index in range(3):
        recorded = read_receipt(store, shard_index).parent_sha256
        assert recorded == read_receipt(parent, shard_index).sha256
        assert "parent_sha256" not in read_receipt(parent, shard_index).to_dict()
    check_means(parent, store)


def test_a_second_run_makes_nothing(parent: LocalStore) -> None:
    store, _ = annotate(parent)
    before = state(store)
    repair(parent, 1, 0)
    annotate(parent)
    assert state(store) == before


def test_only_stale_shards_are_made_again(parent: LocalStore) -> None:
    store, _ = annotate(parent)
    before = state(store)
    repair(parent, 1, 1)
    plan = read_plan(store)
    # Without the parent nothing is known to be stale.
    assert scan(store, plan).complete
    stale = scan(store, plan, overlay_tasks(plan, open_layer(parent)))
    assert [task.shard_index for task in stale.missing] == [1]
    assert [(problem.kind, problem.where) for problem in verify(store).problems] == [
        ("stale", "train/00001.tar")
    ]
    data = pairgen.TrainingSet(parent.url, overlays=[store.url])
    with pytest.raises(CorruptShardError, match=r"train/00001.tar of .* is stale"):
        pairgen.Loader(data, fields=["mean.npy"], batch_size=1)
    _, result = annotate(parent)
    assert result.manifest.complete
    after = state(store)
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1][0] != before[1][0]
    check_means(parent, store)


def test_a_parent_that_grows_is_caught_up_with(parent: LocalStore) -> None:
    store, _ = annotate(parent)
    before = state(store)
    grown = replace(read_plan(parent), num_samples=30)
    write_plan(parent, grown)
    with pytest.raises(ConfigError, match=r"train/00002.tar of .*/set has not been made yet"):
        annotate(parent)
    for shard_index in (2, 3):
        write_shard(parent, grown.tasks()[shard_index], samples(grown, shard_index))
    _, result = annotate(parent)
    assert result.manifest.complete
    assert {i: state(store)[i] for i in (0, 1)} == {i: before[i] for i in (0, 1)}
    check_means(parent, store)


def test_a_parents_shard_without_samples_that_gets_some_makes_its_shard_stale(
    tmp_path: Path,
) -> None:
    failed = dict.fromkeys(range(8, 16), "not finite")
    parent = write_set(tmp_path / "set", make_plan(20, 8), failed=failed)
    store, _ = annotate(parent)
    assert read_receipt(store, 1).parent_sha256 == NO_TAR_SHA256
    check_means(parent, store)
    withdraw(parent, [1])
    plan = read_plan(parent)
    write_shard(parent, plan.tasks()[1], [make_sample(plan, index) for index in range(8, 16)])
    assert [problem.kind for problem in verify(store).problems] == ["stale"]
    annotate(parent)
    assert read_receipt(store, 1).count == 8
    check_means(parent, store)


def test_an_interrupted_renewal_goes_on(parent: LocalStore) -> None:
    store, _ = annotate(parent)
    repair(parent, 0, 1)
    repair(parent, 1, 1)
    # A worker died between the tar and its receipt.
    path = store.root / layout.shard_path(0)
    path.write_bytes(b"the new tar" * 100)
    annotate(parent)
    check_means(parent, store)


def test_the_shard_of_another_overlay_is_not_replaced(parent: LocalStore) -> None:
    store, _ = annotate(parent)
    repair(parent, 1, 1)
    write_receipt(store, replace(read_receipt(store, 1), fingerprint="0" * 64))
    before = state(store)
    with pytest.raises(PlanMismatchError, match=r"00001.json of .* belongs to another dataset"):
        annotate(parent)
    assert state(store) == before


def test_a_receipt_without_a_recorded_parent_is_kept(parent: LocalStore) -> None:
    store, _ = annotate(parent)
    write_receipt(store, replace(read_receipt(store, 1), parent_sha256=""))
    repair(parent, 1, 1)
    before = state(store)
    annotate(parent)
    assert state(store) == before

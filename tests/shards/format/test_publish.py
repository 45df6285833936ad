"""Publishing: two workers may run one task, and what stands always agrees with itself."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairgen.errors import PlanMismatchError
from pairgen.receipts import Receipt
from pairgen.shards.check.verify import verify
from pairgen.shards.format import layout
from pairgen.shards.format.index import encode_index, index_row
from pairgen.shards.format.manifest import UnreadableReceiptError, read_receipt
from pairgen.shards.format.plan_file import write_plan
from pairgen.shards.format.publish import ShardContestedError, publish
from pairgen.shards.format.writer import ShardWriter
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan, Sample, ShardTask
from tests.small_sets import make_plan, make_sample, write_shard

PLAN = make_plan(num_samples=8)


def samples_of(offset: float) -> list[Sample]:
    """Return the samples of a machine whose latents differ by `offset`."""
    samples = [make_sample(PLAN, index) for index in range(8)]
    return [
        replace(s, fields={**s.fields, "latent.npy": s.fields["latent.npy"] + np.float16(offset)})
        for s in samples
    ]


def finished_work(store: LocalStore, task: ShardTask, offset: float) -> tuple[Path, bytes, Receipt]:
    """Return what a worker holds right before it publishes."""
    spooled = store.spool("00000.tar")
    with ShardWriter(spooled) as writer:
        rows = [index_row(s, 0, writer.write(s)) for s in samples_of(offset)]
    index = encode_index(rows)
    receipt = Receipt(
        shard_index=0,
        start=task.start,
        stop=task.stop,
        count=8,
        num_bytes=writer.num_bytes,
        sha256=writer.sha256,
        index_sha256=hashlib.sha256(index).hexdigest(),
        fingerprint=task.fingerprint,
    )
    return spooled, index, receipt


class InterruptedStore(LocalStore):
    """A store in which something else happens right before the n-th write."""

    def __init__(self, root: Path, before: int, action: Callable[[], object]) -> None:
        super().__init__(root)
        self.before = before
        self.action = action
        self.num_writes = 0

    def put_file(self, spooled: Path, path: str, sha256: str = "") -> None:
        if self.num_writes == self.before:
            self.action()
        self.num_writes += 1
        super().put_file(spooled, path, sha256)


def agrees(store: LocalStore) -> bool:
    """Whether tar, index and receipt belong together, or there is no receipt."""
    receipt = read_receipt(store, 0)
    if receipt is None:
        return True
    index = hashlib.sha256(store.read_bytes(layout.index_path(0))).hexdigest()
    return (store.sha256(layout.shard_path(0)), index) == (
        receipt.sha256,
        receipt.index_sha256,
    )


def test_a_published_shard_stands_whole(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_plan(store, PLAN)
    receipt = write_shard(store, PLAN.tasks()[0], samples_of(0))
    assert read_receipt(store, 0) == receipt
    assert store.sha256("train/00000.tar") == receipt.sha256
    assert store.names(layout.SPOOL) == []


def test_a_second_worker_drops_its_work(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    task = PLAN.tasks()[0]
    first = write_shard(store, task, samples_of(0))
    second = write_shard(store, task, samples_of(1))
    assert second == first
    assert agrees(store)
    assert store.names(layout.SPOOL) == []


@pytest.mark.parametrize(
    "other", [{"fingerprint": "0" * 64}, {"stop": 9}, {"start": 1}], ids=["plan", "stop", "start"]
)
def test_the_shard_of_another_dataset_is_never_replaced(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    store = LocalStore(tmp_path)
    task = PLAN.tasks()[0]
    standing = write_shard(store, replace(task, **other), samples_of(0))
    with pytest.raises(PlanMismatchError, match=r"train/00000\.tar .* belongs to another dataset"):
        write_shard(store, task, samples_of(1))
    assert read_receipt(store, 0) == standing
    assert agrees(store)


def test_a_shard_whose_receipt_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    task = PLAN.tasks()[0]
    standing = write_shard(store, task, samples_of(0))
    store.put_bytes(layout.receipt_path(0), b"{")
    with pytest.raises(UnreadableReceiptError):
        write_shard(store, task, samples_of(1))
    assert store.sha256(layout.shard_path(0)) == standing.sha256


def test_the_short_last_shard_of_a_set_that_grew_is_replaced(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    task = PLAN.tasks()[0]
    write_shard(store, replace(task, stop=4), samples_of(0)[:4])
    receipt = write_shard(store, task, samples_of(0))
    assert read_receipt(store, 0) == receipt
    assert receipt.count == 8
    assert agrees(store)


def test_an_empty_shard_removes_what_stood(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    task = PLAN.tasks()[0]
    write_shard(store, replace(task, stop=4), samples_of(0)[:4])
    receipt = write_shard(store, task, [])
    assert receipt.count == 0
    assert store.names("train") == []
    assert store.names(layout.INDEX) == []


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_worker_that_publishes_in_between_leaves_an_agreeing_state(
    tmp_path: Path, before: int
) -> None:
    """The other publishes other bytes before this one's tar, index or receipt."""
    task = PLAN.tasks()[0]
    plain = LocalStore(tmp_path)

    def other() -> None:
        publish(plain, task, *finished_work(plain, task, 1))

    store = InterruptedStore(tmp_path, before, other)
    work = finished_work(store, task, 0)
    try:
        publish(store, task, *work)
    except ShardContestedError:
        assert read_receipt(plain, 0) is None
    assert agrees(plain)


def test_an_empty_receipt_never_stands_beside_a_tar(tmp_path: Path) -> None:
    """The other publishes its tar right before this one says that there is none."""
    task = PLAN.tasks()[0]
    plain = LocalStore(tmp_path)

    def other() -> None:
        publish(plain, task, *finished_work(plain, task, 1))

    store = InterruptedStore(tmp_path, 0, other)
    with pytest.raises(ShardContestedError):
        write_shard(store, task, [])
    assert read_receipt(plain, 0) is None


@pytest.mark.parametrize("first_step", range(4))
@pytest.mark.parametrize("second_step", range(4))
def test_every_interleaving_of_two_workers_ends_in_agreement(
    tmp_path: Path, first_step: int, second_step: int
) -> None:
    """Two threads publish different bytes; each waits for the other at a chosen write."""
    task = PLAN.tasks()[0]
    barrier = threading.Barrier(2)

    def meet() -> None:
        try:
            barrier.wait(timeout=0.2)
        except threading.BrokenBarrierError:
            # The other is already through; that is one more interleaving.
            return

    outcomes: list[Receipt] = []

    def work(step: int, offset: float) -> None:
        store = InterruptedStore(tmp_path, step, meet)
        while True:
            try:
                outcomes.append(publish(store, task, *finished_work(store, task, offset)))
                return
            except ShardContestedError:
                continue

    threads = [
        threading.Thread(target=work, args=(first_step, 0.0)),
        threading.Thread(target=work, args=(second_step, 1.0)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    store = LocalStore(tmp_path)
    final = read_receipt(store, 0)
    assert len(outcomes) == 2
    assert final in outcomes
    assert agrees(store)


def test_a_contested_shard_verifies_clean_in_the_end(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    plan: Plan = PLAN
    write_plan(store, plan)

    def run(offset: float) -> None:
        while True:
            try:
                publish(store, plan.tasks()[0], *finished_work(store, plan.tasks()[0], offset))
                return
            except ShardContestedError:
                continue

    threads = [threading.Thread(target=run, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert verify(store).clean

"""Receipts and their fold: done is a receipt, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from pairgen.receipts import FailedSlot
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import (
    UnreadableReceiptError,
    fold,
    read_receipt,
    read_receipts,
    scan,
    write_manifest,
    write_receipt,
)
from pairgen.shards.format.plan_file import write_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan
from tests.small_sets import make_plan, receipt_of


def begun(tmp_path: Path) -> tuple[LocalStore, Plan]:
    store, plan = LocalStore(tmp_path), make_plan()
    write_plan(store, plan)
    return store, plan


def test_a_receipt_comes_back(tmp_path: Path) -> None:
    store, plan = begun(tmp_path)
    receipt = receipt_of(plan.tasks()[1], (FailedSlot(index=9, reason="non-finite, żółw"),))
    write_receipt(store, receipt)
    assert read_receipt(store, 1) == receipt
    assert read_receipt(store, 0) is None


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b'"x"', b"{}", b"\xff"])
def test_an_unreadable_receipt_means_not_done(tmp_path: Path, content: bytes) -> None:
    store, plan = begun(tmp_path)
    write_receipt(store, receipt_of(plan.tasks()[0]))
    store.put_bytes(layout.receipt_path(1), content)
    with pytest.raises(UnreadableReceiptError, match=r"00001\.json .* is not a receipt"):
        read_receipt(store, 1)
    assert [task.shard_index for task in scan(store, plan).missing] == [1, 2]


def test_files_that_are_no_receipts_are_ignored(tmp_path: Path) -> None:
    store, plan = begun(tmp_path)
    write_receipt(store, receipt_of(plan.tasks()[0]))
    store.put_bytes(f"{layout.RECEIPTS}/notes.txt", b"x")
    assert [receipt.shard_index for receipt in read_receipts(store)] == [0]


def test_the_fold_tells_done_from_missing() -> None:
    plan = make_plan()
    first, second, third = plan.tasks()
    failed = (FailedSlot(index=3, reason="x"), FailedSlot(index=4, reason="x"))
    manifest = fold(plan, [receipt_of(third), receipt_of(first, failed)])
    assert [receipt.shard_index for receipt in manifest.receipts] == [0, 2]
    assert manifest.missing == (second,)
    assert (manifest.num_samples, manifest.num_failed, manifest.num_bytes) == (14, 2, 2000)
    assert not manifest.complete


def test_a_receipt_of_another_plan_or_range_is_not_done() -> None:
    plan = make_plan()
    first, second, third = plan.tasks()
    receipts = [
        replace(receipt_of(first), fingerprint="0" * 64),
        replace(receipt_of(second), stop=second.stop - 1),
        receipt_of(third),
    ]
    assert fold(plan, receipts).missing == (first, second)


def test_an_extended_plan_keeps_all_but_its_short_last_shard() -> None:
    plan = make_plan(num_samples=20)
    receipts = [receipt_of(task) for task in plan.tasks()]
    longer = replace(plan, num_samples=32)
    assert [task.shard_index for task in fold(longer, receipts).missing] == [2, 3]


def test_many_receipts_are_found_again(tmp_path: Path) -> None:
    plan = make_plan(num_samples=400, samples_per_shard=2)
    store = LocalStore(tmp_path)
    for task in plan.tasks():
        write_receipt(store, receipt_of(task))
    manifest = scan(store, plan)
    assert manifest.complete
    assert manifest.num_samples == 400


def test_the_manifest_file_says_what_the_receipts_say(tmp_path: Path) -> None:
    import json

    store, plan = begun(tmp_path)
    write_receipt(store, receipt_of(plan.tasks()[1]))
    write_manifest(store, scan(store, plan))
    data = json.loads(store.read_bytes(layout.MANIFEST))
    assert data["fingerprint"] == plan.fingerprint()
    assert Plan.from_dict(data["plan"]) == plan
    assert data["num_samples"] == 8
    assert data["missing"] == [[0, 8], [16, 24]]
    assert [receipt["shard_index"] for receipt in data["receipts"]] == [1]

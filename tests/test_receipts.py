"""What is known of finished shards, as plain data and back."""

import dataclasses
import json
from functools import partial

import pytest

from pairgen.receipts import FailedSlot, Manifest, Receipt
from pairgen.types import ShardTask
from pairgen.untrusted.malformed import MalformedError
from tests import small_sets

make_plan = partial(small_sets.make_plan, num_samples=10, samples_per_shard=4)


def make_receipt(task: ShardTask, **changes) -> Receipt:
    receipt = Receipt(
        shard_index=task.shard_index,
        start=task.start,
        stop=task.stop,
        count=task.num_slots - 1,
        num_bytes=2048,
        sha256="cd" * 32,
        index_sha256="ef" * 32,
        fingerprint=task.fingerprint,
        failed=(FailedSlot(index=task.start, reason="non-finite latent"),),
        made={"batch_size": 16},
    )
    return dataclasses.replace(receipt, **changes)


def test_a_receipt_survives_json():
    receipt = make_receipt(make_plan().tasks()[0])
    assert Receipt.from_json(receipt.to_json()) == receipt


def test_a_receipt_fulfils_its_own_task_only():
    first, second, _ = make_plan().tasks()
    receipt = make_receipt(first)
    assert receipt.fulfils(first)
    assert not receipt.fulfils(second)
    other = dataclasses.replace(make_plan(), seed=4)
    assert not receipt.fulfils(other.tasks()[0])
    assert not receipt.fulfils(make_plan(num_samples=3).tasks()[0])


def test_a_receipt_of_before_slots_could_be_skipped_is_read():
    data = make_receipt(make_plan().tasks()[0]).to_dict()
    data["failed"] = [{"index": 0, "reason": "x"}]
    (slot,) = Receipt.from_json(json.dumps(data).encode()).failed
    assert not slot.skipped


def test_what_a_threshold_leaves_out_has_not_failed():
    failed = (FailedSlot(index=0, reason="x"), FailedSlot(index=1, reason="flat", skipped=True))
    plan = make_plan()
    receipt = make_receipt(plan.tasks()[0], failed=failed)
    assert Receipt.from_json(receipt.to_json()) == receipt
    manifest = Manifest(plan=plan, receipts=(receipt,), missing=())
    assert (manifest.num_failed, manifest.num_skipped) == (1, 1)
    assert manifest.to_dict()["num_skipped"] == 1


def test_a_manifest_adds_up_its_receipts():
    plan = make_plan()
    first, second, third = plan.tasks()
    receipts = (make_receipt(first), make_receipt(second, count=4, failed=()))
    manifest = Manifest(plan=plan, receipts=receipts, missing=(third,))
    assert (manifest.num_samples, manifest.num_failed, manifest.num_bytes) == (7, 1, 4096)
    assert not manifest.complete
    assert Manifest(plan=plan, receipts=receipts, missing=()).complete
    data = json.loads(json.dumps(manifest.to_dict()))
    assert data["missing"] == [[8, 10]]
    assert data["fingerprint"] == plan.fingerprint()


def test_a_receipt_with_any_other_byte_is_not_taken_or_says_the_same():
    receipt = make_receipt(make_plan().tasks()[0])
    text = receipt.to_json()
    name = text.index(b"own_sha256")
    for at in range(len(text)):
        other = bytearray(text)
        other[at] ^= 1 + at % 255
        try:
            found = Receipt.from_json(bytes(other))
        except MalformedError:
            continue
        # Under another name, it is a receipt of before, without a hash of itself.
        assert found == receipt and name <= at < name + len("own_sha256"), at


def test_receipts_of_before_have_no_hash_of_themselves():
    receipt = make_receipt(make_plan().tasks()[0])
    text = receipt.to_json(sealed=False)
    assert b"own_sha256" not in text
    assert Receipt.from_json(text) == receipt


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("count", each) for each in ("8", None, {}, -1, 2**63, 10**30, 1.5, True)),
        *(("sha256", each) for each in (7, "x", None, "AB" * 32)),
        *(("failed", each) for each in (None, 3, [{"index": "x", "reason": ""}], [{"index": 0}])),
        ("failed", [{"index": 9, "reason": "not of this shard"}]),
        ("failed", [{"index": i % 4, "reason": "x"} for i in range(5)]),
        *(("made", each) for each in (None, [], {"seconds": float("nan")}, {"seconds": "1"})),
        *(("made", {"ended": each}) for each in (1e300, -1, 10**40)),
        *(("made", each) for each in ({"versions": "x"}, {"device": 3}, {"own": float("inf")})),
        ("stop", 0),
    ],
)
def test_a_value_of_another_kind_is_refused(name: str, value: object):
    data = make_receipt(make_plan().tasks()[1]).to_dict()
    with pytest.raises(MalformedError):
        Receipt.from_json(json.dumps({**data, name: value}).encode())


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"[" * 10**5, b'{"a":' * 500, b"\xff"])
def test_what_is_no_receipt_is_refused(text: bytes):
    with pytest.raises(MalformedError):
        Receipt.from_json(text)

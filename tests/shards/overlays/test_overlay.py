"""The plan of an overlay, and what its receipts say beside those of its parent."""

from dataclasses import replace

import pytest

from pairgen.errors import ConfigError
from pairgen.receipts import FailedSlot, Receipt
from pairgen.shards.format.manifest import may_replace
from pairgen.shards.overlays.overlay import overlay_plan
from pairgen.shards.overlays.parent_shards import (
    is_behind,
    is_stale,
    parent_sha256,
    slots_of,
    usable_slots,
)
from tests.small_sets import make_plan

PARENT = make_plan(num_samples=10, samples_per_shard=4)
SCORE = {"json": {"keys": []}, "score.npy": {"dtype": "float32", "shape": [2]}}
PLAN = overlay_plan(PARENT, "/data/set", SCORE, {"annotator": "score"})


def receipt(
    stop: int = 8, sha256: str = "a", of: str = "", failed: tuple[int, ...] = ()
) -> Receipt:
    return Receipt(
        shard_index=1,
        start=4,
        stop=stop,
        count=stop - 4 - len(failed),
        num_bytes=1024,
        sha256=sha256,
        index_sha256="b",
        fingerprint=PLAN.fingerprint(),
        failed=tuple(FailedSlot(index=index, reason="too dark") for index in failed),
        parent_sha256=of,
    )


def test_a_plan_divides_the_samples_like_its_parent() -> None:
    assert [(task.start, task.stop) for task in PLAN.tasks()] == [(0, 4), (4, 8), (8, 10)]
    assert PLAN.recipe == {"annotator": "score", "parent": PARENT.fingerprint()}
    assert (PLAN.kind, PLAN.seed, PLAN.source["parent"]) == ("overlay", PARENT.seed, "/data/set")


def test_where_the_parent_lies_is_not_part_of_the_identity() -> None:
    moved = overlay_plan(PARENT, "s3://bucket/set", SCORE, {"annotator": "score"})
    assert moved.fingerprint() == PLAN.fingerprint()
    other = overlay_plan(replace(PARENT, seed=6), "/data/set", SCORE, {"annotator": "score"})
    assert other.fingerprint() != PLAN.fingerprint()


def test_an_overlay_of_an_overlay_or_of_a_member_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="/data/scores is an overlay: overlays are made of its"):
        overlay_plan(PLAN, "/data/scores", SCORE, {})
    with pytest.raises(ConfigError, match=r"/data/set has a member 'latent.npy' already"):
        overlay_plan(PARENT, "/data/set", {"json": {"keys": []}, "latent.npy": {}}, {})


def test_the_slots_of_a_shard_follow_from_its_receipt() -> None:
    assert slots_of(receipt()).tolist() == [4, 5, 6, 7]
    assert slots_of(receipt(failed=(4, 6))).tolist() == [5, 7]
    assert slots_of(receipt(failed=(4, 5, 6, 7))).tolist() == []


@pytest.mark.parametrize(
    ("overlay", "behind", "stale", "usable"),
    [
        (None, True, False, []),
        (receipt(of="a", failed=(5,)), False, False, [4, 6, 7]),
        (receipt(of="", failed=(5,)), False, False, [4, 6, 7]),
        (receipt(of="c"), False, True, []),
        (receipt(of="c", stop=6), True, False, []),
        (receipt(of="a", stop=6), True, False, [4, 5]),
        (receipt(of="", stop=6), True, False, [4, 5]),
    ],
)
def test_a_shard_beside_its_parents(
    overlay: Receipt | None, behind: bool, stale: bool, usable: list[int]
) -> None:
    parent = receipt(sha256="a")
    assert is_behind(parent, overlay) is behind
    assert is_stale(parent, overlay) is stale
    if not stale:
        assert usable_slots(parent, overlay).tolist() == usable


def test_a_parents_shard_without_a_tar_has_a_hash_too() -> None:
    empty = receipt(sha256="", failed=(4, 5, 6, 7))
    assert is_stale(receipt(), receipt(of=parent_sha256(empty)))
    assert not is_stale(empty, receipt(of=parent_sha256(empty)))


@pytest.mark.parametrize(
    ("standing", "of", "replaced"),
    [
        (receipt(of="a"), "a", False),
        (receipt(of="a"), "c", True),
        (receipt(of="a"), "", False),
        (receipt(of=""), "c", False),
        (receipt(of="a", stop=6), "c", True),
        (receipt(of="a", stop=9), "c", False),
        (replace(receipt(of="a"), fingerprint="0"), "c", False),
    ],
)
def test_only_stale_and_short_shards_are_replaced(
    standing: Receipt, of: str, replaced: bool
) -> None:
    task = replace(PLAN.tasks()[1], parent_sha256=of)
    assert may_replace(task, standing) is replaced
    assert not (replaced and standing.fulfils(task))


def test_a_receipt_without_a_parent_is_written_as_before() -> None:
    assert "parent_sha256" not in receipt().to_dict()
    recorded = receipt(of="a")
    assert recorded.to_dict()["parent_sha256"] == "a"
    assert Receipt.from_json(recorded.to_json()) == recorded
    assert Receipt.from_json(receipt().to_json()) == receipt()

"""Verify of an overlay: its shards are compared to those of the parent that its plan names."""

from dataclasses import replace
from pathlib import Path

import pytest

from pairgen.receipts import FailedSlot
from pairgen.shards.check.report import Report
from pairgen.shards.check.scope import Scope
from pairgen.shards.check.verify import verify
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipt, write_receipt
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.overlays.overlay import overlay_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.small_sets import make_plan, write_overlay, write_set

MEMBERS = {
    "json": {"keys": ["index", "seed"]},
    "score.npy": {"dtype": "float32", "shape": [2]},
    "tag.txt": {},
}


@pytest.fixture
def parent(tmp_path: Path) -> LocalStore:
    return write_set(tmp_path / "set", make_plan(), failed={9: "not finite"})


@pytest.fixture
def overlay(parent: LocalStore, tmp_path: Path) -> LocalStore:
    """An overlay of 3 shards that knows its parent."""
    plan = overlay_plan(read_plan(parent), parent.url, MEMBERS, {})
    return LocalStore(Path(write_overlay(tmp_path / "scores", plan, missing=[3, 9], parent=parent)))


def problems(report: Report) -> list[tuple[str, str, str]]:
    return [(problem.kind, problem.where, problem.detail) for problem in report.problems]


def test_an_overlay_that_matches_its_parent_is_clean(overlay: LocalStore) -> None:
    for scope in (Scope(), Scope(quick=True)):
        assert verify(overlay, scope).clean
    assert verify(overlay).table().endswith("Clean.")


@pytest.mark.parametrize("scope", [Scope(), Scope(quick=True)])
def test_a_stale_shard_is_named_with_what_to_do(
    parent: LocalStore, overlay: LocalStore, scope: Scope
) -> None:
    write_receipt(parent, replace(read_receipt(parent, 1), sha256="f" * 64))
    report = verify(overlay, scope)
    assert problems(report) == [
        (
            "stale",
            "train/00001.tar",
            f"made from another train/00001.tar of {parent.url} than there is now: run the "
            "command that made this overlay again",
        )
    ]
    # `repair` is not what helps.
    assert report.bad_shards == ()


def test_shards_and_keys_that_the_parent_does_not_have_are_named(
    parent: LocalStore, overlay: LocalStore
) -> None:
    parent.remove(layout.receipt_path(2))
    receipt = read_receipt(parent, 0)
    failed = tuple(FailedSlot(index=index, reason="not finite") for index in (0, 6))
    write_receipt(parent, replace(receipt, count=6, failed=failed))
    assert problems(verify(overlay)) == [
        (
            "foreign key",
            "train/00000.tar",
            f"keys that {parent.url} does not have: 2 samples, first 000000000",
        ),
        ("no parent", "train/00002.tar", f"{parent.url} has no such finished shard"),
    ]


def test_a_parent_that_has_grown_makes_no_shard_stale(
    parent: LocalStore, overlay: LocalStore
) -> None:
    receipt = read_receipt(parent, 2)
    write_receipt(parent, replace(receipt, stop=30, count=14, sha256="f" * 64))
    assert verify(overlay).clean


def test_another_dataset_in_the_parents_place_is_named(
    parent: LocalStore, overlay: LocalStore
) -> None:
    write_plan(parent, replace(read_plan(parent), seed=6))
    ((kind, where, detail),) = problems(verify(overlay))
    assert (kind, where) == ("other parent", layout.PLAN)
    assert detail.startswith(f"{overlay.url} is an overlay of the dataset ")


def test_a_parent_that_cannot_be_found_is_a_note(parent: LocalStore, overlay: LocalStore) -> None:
    parent.root.rename(parent.root.with_name("elsewhere"))
    report = verify(overlay)
    assert report.clean
    (note,) = report.unread
    assert note.startswith(f"against the parent {parent.url}, which cannot be opened: ")
    assert f"Not checked: {note}." in report.table()


def test_a_parent_that_was_moved_with_its_overlay_is_found(
    parent: LocalStore, overlay: LocalStore, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    parent.root.rename(tmp_path / "disk/set")
    overlay.root.rename(tmp_path / "disk/scores")
    moved = LocalStore(tmp_path / "disk/scores")
    assert verify(moved).table().endswith("Clean.")
    set_there = LocalStore(tmp_path / "disk/set")
    write_receipt(set_there, replace(read_receipt(set_there, 1), sha256="f" * 64))
    assert [problem.kind for problem in verify(moved).problems] == ["stale"]


def test_a_url_whose_secrets_were_cut_is_a_note(parent: LocalStore, tmp_path: Path) -> None:
    url = "s3://key:secret@bucket/set"
    plan = overlay_plan(read_plan(parent), url, MEMBERS, {})
    store = LocalStore(Path(write_overlay(tmp_path / "far", plan, missing=[9])))
    assert "secret" not in (store.root / layout.PLAN).read_text(encoding="utf-8")
    report = verify(store)
    assert report.clean and "recorded without its secrets" in report.unread[0]


def test_an_overlay_whose_plan_names_no_parent_is_compared_to_none(
    parent: LocalStore, tmp_path: Path
) -> None:
    plan = overlay_plan(read_plan(parent), parent.url, MEMBERS, {})
    source = {name: value for name, value in plan.source.items() if name != "parent"}
    url = write_overlay(tmp_path / "old", replace(plan, source=source), missing=[9])
    report = verify(LocalStore(Path(url)))
    assert report.clean and not report.unread

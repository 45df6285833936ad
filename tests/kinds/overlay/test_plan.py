"""What an option does to the plan of an overlay, and what is checked before one is continued."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pairgen
from pairgen.errors import ConfigError, CorruptShardError, PlanMismatchError, TeacherLoadError
from pairgen.kinds.overlay.maker import OverlayMaker, open_parent
from pairgen.kinds.overlay.options import AnnotateConfig, continued_options
from pairgen.kinds.overlay.parent_samples import decode_sample
from pairgen.kinds.overlay.plan import build_annotator, make_overlay_plan, planned_annotator
from pairgen.kinds.parent_shard import NO_SAMPLE, read_parent
from pairgen.options import declared
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.overlays.parent_shards import NO_TAR_SHA256
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan
from tests.annotated_sets import picture_plan, write_pictures
from tests.small_sets import flip_byte

# Option to another value than the default; a new option that is not here fails the test.
OTHER: dict[str, Any] = {
    "add": ("mask",),
    "options": {"low": 5.0},
    "model": "tiny",
    "revision": "main",
    "batch_size": 3,
    "cpu_threads": 2,
    "out": "elsewhere",
    "max_rejected": 0.5,
    "accept_changed_code": True,
    "shard_range": "2/3",
    "executor": "ray",
    "num_workers": 3,
    "gpus_per_worker": 0.5,
    "grace": 5.0,
    "stuck_after": 60.0,
    "address": "auto",
}


def plan_of(**options: Any) -> Plan:
    config = AnnotateConfig(**{"add": ("canny",), **options})
    parent = picture_plan()
    (name,) = config.add
    annotator = build_annotator(name, parent, None, config.options, config.batch_size)
    return make_overlay_plan(name, annotator, parent, "/set", config)


def test_every_option_belongs_to_what_it_says() -> None:
    assert {each.name for each in declared(AnnotateConfig)} == OTHER.keys()
    usual = plan_of()
    for each in declared(AnnotateConfig):
        # A model counts through its weights; see the tests of `latent`.
        other = plan_of(**{each.name: OTHER[each.name]})
        is_identity = each.option.belongs == "identity" and each.name not in ("model", "revision")
        assert (other.fingerprint() != usual.fingerprint()) == is_identity, each.name
        remembered = other.resolved["options"] != usual.resolved["options"]
        assert remembered == (each.option.belongs != "run"), each.name


def test_options_of_an_overlay_are_continued() -> None:
    plan = plan_of(options={"low": 5.0}, batch_size=3)
    options = continued_options(plan, {"cpu_threads": 2})
    assert (options.batch_size, options.cpu_threads, options.options) == (3, 2, {"low": 5.0})
    with pytest.raises(ConfigError, match="Unknown key 'low'"):
        continued_options(plan, {"low": 3})


def test_another_annotator_in_the_folder_is_refused(tmp_path: Path) -> None:
    parent = write_pictures(tmp_path / "set")
    out = tmp_path / "edges"
    pairgen.annotate(parent, add="canny", out=str(out), executor="serial")
    with pytest.raises(PlanMismatchError, match="an overlay of canny, not of sketch: give"):
        pairgen.annotate(parent, add="sketch", out=str(out), executor="serial")


def test_a_plan_that_does_not_fit_the_annotator_is_refused() -> None:
    plan, parent = plan_of(), picture_plan()
    assert planned_annotator(plan, parent).adds
    members = {**plan.members, "more.npy": {"dtype": "float32", "shape": [1]}}
    with pytest.raises(ConfigError, match=r"'canny' adds canny.png here, but the plan says"):
        planned_annotator(replace(plan, members=members), parent)
    other = {**plan.recipe, "identity": {"table_sha256": "0"}}
    with pytest.raises(TeacherLoadError, match="do not match the plan"):
        planned_annotator(replace(plan, recipe=other), parent)
    with pytest.raises(ConfigError, match=r"'canny' has no option|Unknown key 'lo'"):
        planned_annotator(replace(plan, recipe={**plan.recipe, "options": {"lo": 1}}), parent)


def test_a_parent_that_is_gone_or_another_one_is_refused(tmp_path: Path) -> None:
    parent = write_pictures(tmp_path / "set")
    pairgen.annotate(parent, add="canny", executor="serial")
    store = LocalStore(Path(f"{parent}.annotations/canny"))
    plan = read_plan(store)
    assert open_parent(plan, store)[0].store.url == str(parent)
    OverlayMaker(plan, store)
    parent.rename(tmp_path / "gone")
    with pytest.raises(ConfigError, match="There is no folder"):
        OverlayMaker(plan, store)
    write_pictures(parent, replace(picture_plan(), seed=6))
    with pytest.raises(ConfigError, match="is an overlay of the dataset"):
        OverlayMaker(plan, store)


def test_reading_a_shard_of_the_parent(tmp_path: Path) -> None:
    parent = LocalStore(write_pictures(tmp_path / "set"))
    task = read_plan(parent).tasks()[1]
    found = read_parent(parent, task, ("txt", "lr8.png"))
    assert found == {i: {"txt": f"image {i}".encode()} for i in range(4, 8)}
    assert read_parent(parent, replace(task, parent_sha256=NO_TAR_SHA256), ("txt",)) == {}
    with pytest.raises(CorruptShardError, match="its bytes are not those"):
        read_parent(parent, replace(task, parent_sha256="0" * 64), ("txt",))
    flip_byte(parent.root / "train/00001.tar", 130)
    with pytest.raises(CorruptShardError, match=r"cannot be annotated: the tar header"):
        read_parent(parent, task, ("txt",))
    (parent.root / "train/00001.tar").unlink()
    with pytest.raises(CorruptShardError, match="it is missing; run `pairgen repair`"):
        read_parent(parent, task, ("txt",))


def test_a_member_that_is_not_as_planned_has_a_reason() -> None:
    array = {"dtype": "float32", "shape": [1]}
    skipped = decode_sample(3, None, {})
    assert skipped.reason == NO_SAMPLE and skipped.skipped
    assert decode_sample(3, {}, {"a.npy": array}).reason == "a.npy is missing"
    assert decode_sample(3, {"a.npy": b"x"}, {"a.npy": array}).reason.startswith(
        "a.npy cannot be read: "
    )
    assert decode_sample(3, {"json": b"{"}, {"json": {"keys": []}}).reason.startswith("json cannot")
    assert decode_sample(3, {"txt": b"a"}, {"txt": {}}).fields == {"txt": "a"}

"""The plan of a folder: what stands is never taken for nothing because its plan is not seen."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pairgen
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import (
    UnusablePlanError,
    has_plan,
    read_plan,
    recover_plan,
    write_plan,
)
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import open_store
from pairgen.types import Plan
from tests.runs import run
from tests.small_sets import make_plan

ODE = {"model": "gaussian", "cfg": 8, "steps": 5, "num_samples": 16, "samples_per_shard": 4}
DEGRADE = {"scales": 2, "crop": 64, "samples_per_image": 2, "samples_per_shard": 2}


def begun(tmp_path: Path) -> tuple[LocalStore, Plan]:
    store, plan = LocalStore(tmp_path), make_plan()
    write_plan(store, plan)
    return store, plan


def hashes(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


@pytest.fixture(scope="module")
def ode_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished set of four shards. Do not change it."""
    out = tmp_path_factory.mktemp("sets") / "ode"
    pairgen.ode(**ODE, out=str(out))
    return out


@pytest.fixture(scope="module")
def degraded_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished degraded set. Do not change it."""
    out = tmp_path_factory.mktemp("sets") / "degraded"
    pairgen.degrade(**DEGRADE, out=str(out))
    return out


@pytest.fixture
def folder(ode_set: Path, tmp_path: Path) -> Path:
    """A copy of the finished set."""
    return Path(shutil.copytree(ode_set, tmp_path / "set"))


def test_a_plan_comes_back(tmp_path: Path) -> None:
    store, plan = begun(tmp_path)
    assert has_plan(store)
    assert read_plan(store) == plan


def test_a_folder_without_a_plan_is_refused(tmp_path: Path) -> None:
    assert not has_plan(LocalStore(tmp_path))
    with pytest.raises(ConfigError, match="is not a dataset folder"):
        read_plan(LocalStore(tmp_path))


def test_an_edited_plan_is_refused(tmp_path: Path) -> None:
    store, _ = begun(tmp_path)
    text = store.read_bytes(layout.PLAN)
    assert b"solver: ddim" in text
    store.put_bytes(layout.PLAN, text.replace(b"solver: ddim", b"solver: heun"))
    with pytest.raises(UnusablePlanError, match=r"was edited.*pairgen repair"):
        read_plan(store)


def test_what_is_not_identity_may_change(tmp_path: Path) -> None:
    store, plan = begun(tmp_path)
    text = store.read_bytes(layout.PLAN)
    store.put_bytes(layout.PLAN, text.replace(b"num_samples: 24", b"num_samples: 48"))
    assert read_plan(store) == replace(plan, num_samples=48)


def test_a_plan_of_another_format_is_refused(tmp_path: Path) -> None:
    store, _ = begun(tmp_path)
    text = store.read_bytes(layout.PLAN)
    store.put_bytes(layout.PLAN, text.replace(b"format_version: 1", b"format_version: 99"))
    with pytest.raises(ConfigError, match="format version 99"):
        read_plan(store)
    # A newer pairgen made it: nothing is wrong with it.
    with pytest.raises(ConfigError, match="format version 99"):
        recover_plan(store)


@pytest.mark.parametrize(
    "content", [b"", b"[1, 2]", b"a: [", b"format_version: 1", b"\xff\xfe\x00"]
)
def test_a_plan_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    store = LocalStore(tmp_path)
    store.put_bytes(layout.PLAN, content)
    with pytest.raises(UnusablePlanError, match="cannot be read"):
        read_plan(store)


OTHER_COMMANDS: dict[str, Callable[[Path], Any]] = {
    "ode, the same": lambda out: pairgen.ode(**ODE, out=str(out)),
    "ode, another": lambda out: pairgen.ode(**{**ODE, "seed": 9, "cfg": 3}, out=str(out)),
    "ode, no options": lambda out: pairgen.ode(model="gaussian", out=str(out)),
    "degrade": lambda out: pairgen.degrade(**DEGRADE, out=str(out)),
    "verify": pairgen.verify,
    "inspect": pairgen.inspect,
    "replay": lambda out: pairgen.replay(out, "0"),
}


@pytest.mark.parametrize("act", OTHER_COMMANDS.values(), ids=OTHER_COMMANDS)
def test_finished_shards_without_a_plan_are_refused_and_stay(
    folder: Path, act: Callable[[Path], Any]
) -> None:
    (folder / layout.PLAN).unlink()
    before = hashes(folder)
    with pytest.raises(UnusablePlanError, match=r"4 finished shards.*plan\.yaml .*repair"):
        act(folder)
    assert hashes(folder) == before


def test_degraded_shards_without_a_plan_are_refused_and_stay(
    degraded_set: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(degraded_set, tmp_path / "set"))
    (folder / layout.PLAN).unlink()
    before = hashes(folder)
    with pytest.raises(UnusablePlanError, match="finished shards"):
        pairgen.degrade(**{**DEGRADE, "seed": 9}, out=str(folder))
    assert hashes(folder) == before
    pairgen.repair(folder)
    assert hashes(folder) == hashes(degraded_set)


def test_the_command_line_says_the_way_out_and_it_works(folder: Path, ode_set: Path) -> None:
    (folder / layout.PLAN).unlink()
    before = hashes(folder)
    result = run("ode", model="gaussian", cfg=3, steps=2, seed=9, out=folder)
    assert result.returncode == 2
    assert f"pairgen repair {folder}" in result.stderr
    assert "Traceback" not in result.stderr
    assert hashes(folder) == before
    repaired = run("repair", str(folder))
    assert repaired.returncode == 0, repaired.stderr
    assert "from __meta__/manifest.json" in repaired.stderr
    assert hashes(folder) == hashes(ode_set)


@pytest.mark.parametrize(
    "damage",
    [lambda _: b"", lambda text: text[:300], lambda text: text.replace(b"seed: 0", b"seed: 1")],
    ids=["empty", "cut", "edited"],
)
def test_repair_brings_a_damaged_plan_back(
    folder: Path, ode_set: Path, damage: Callable[[bytes], bytes]
) -> None:
    plan = folder / layout.PLAN
    plan.write_bytes(damage(plan.read_bytes()))
    pairgen.repair(folder)
    assert hashes(folder) == hashes(ode_set)


def test_tars_without_a_plan_are_refused_and_stay(folder: Path) -> None:
    shutil.rmtree(folder / "__meta__")
    before = hashes(folder)
    with pytest.raises(ConfigError, match="would overwrite"):
        pairgen.ode(**ODE, out=str(folder))
    assert hashes(folder) == before


def test_the_plan_of_another_set_does_not_make_a_set_again(folder: Path, tmp_path: Path) -> None:
    before = hashes(folder)
    pairgen.ode(**{**ODE, "seed": 9}, out=str(tmp_path / "other"))
    own = (folder / layout.PLAN).read_bytes()
    shutil.copy(tmp_path / "other" / layout.PLAN, folder / layout.PLAN)
    with pytest.raises(PlanMismatchError, match=r"00000\.json .* belongs to another dataset"):
        pairgen.ode(model="gaussian", out=str(folder))
    with pytest.raises(ConfigError, match="is not the plan of its 4 finished shards"):
        pairgen.repair(folder)
    # As it says: remove it, and repair once more.
    (folder / layout.PLAN).unlink()
    pairgen.repair(folder)
    assert (folder / layout.PLAN).read_bytes() == own
    assert hashes(folder) == before


def test_a_copy_that_the_shards_do_not_fit_is_not_taken(folder: Path, tmp_path: Path) -> None:
    pairgen.ode(**{**ODE, "seed": 9}, out=str(tmp_path / "other"))
    shutil.copy(tmp_path / "other" / layout.MANIFEST, folder / layout.MANIFEST)
    (folder / layout.PLAN).unlink()
    before = hashes(folder)
    with pytest.raises(ConfigError, match="only 0 of 4 receipts"):
        pairgen.repair(folder)
    assert hashes(folder) == before


def test_a_set_of_an_earlier_version_has_a_way_out_too(
    folder: Path, ode_set: Path, tmp_path: Path
) -> None:
    """Its manifest holds no plan: the first command makes it once more, in another folder."""
    manifest = folder / layout.MANIFEST
    data = json.loads(manifest.read_bytes())
    del data["plan"]
    manifest.write_text(json.dumps(data))
    (folder / layout.PLAN).unlink()
    with pytest.raises(ConfigError, match=r"has no copy of it: run the first command with another"):
        pairgen.repair(folder)
    pairgen.ode(**ODE, out=str(tmp_path / "again"))
    shutil.copy(tmp_path / "again" / layout.PLAN, folder / layout.PLAN)
    pairgen.repair(folder)
    assert hashes(folder) == hashes(ode_set)


def test_the_plan_of_a_set_that_grew_comes_back_as_it_was_last(folder: Path) -> None:
    pairgen.ode(model="gaussian", num_samples=20, out=str(folder))
    before = hashes(folder)
    (folder / layout.PLAN).unlink()
    pairgen.repair(folder)
    assert hashes(folder) == before
    assert read_plan(LocalStore(folder)).num_samples == 20


def remove_receipts(folder: Path) -> None:
    shutil.rmtree(folder / layout.RECEIPTS)


def unmount_receipts(folder: Path) -> None:
    shutil.rmtree(folder / layout.RECEIPTS)
    (folder / layout.RECEIPTS).symlink_to(folder / "not-mounted")


@pytest.mark.parametrize("lose", [remove_receipts, unmount_receipts])
def test_a_set_whose_receipts_are_out_of_sight_is_not_begun_anew(
    folder: Path, lose: Callable[[Path], None]
) -> None:
    prompts = folder.parent / "prompts.txt"
    prompts.write_text("another prompt")
    lose(folder)
    before = hashes(folder)
    for options in ({"seed": 9}, {"seed": 9, "prompts": str(prompts)}):
        with pytest.raises((PlanMismatchError, OSError)):
            pairgen.ode(**{**ODE, **options}, out=str(folder))
        assert hashes(folder) == before


def test_what_is_left_of_a_set_without_plan_and_receipts_is_refused(folder: Path) -> None:
    for path in (layout.PLAN, layout.CARD):
        (folder / path).unlink()
    for path in (layout.RECEIPTS, layout.TRAIN):
        shutil.rmtree(folder / path)
    before = hashes(folder)
    with pytest.raises(UnusablePlanError, match="what is left of a dataset"):
        pairgen.ode(**{**ODE, "seed": 9}, out=str(folder))
    assert hashes(folder) == before


def test_an_older_plan_removes_no_shard(folder: Path) -> None:
    """Shards of a set that grew lie beyond its old plan: they are not in the way."""
    old = (folder / layout.PLAN).read_bytes()
    pairgen.ode(model="gaussian", num_samples=24, out=str(folder))
    before = hashes(folder)
    (folder / layout.PLAN).write_bytes(old)
    with pytest.raises(PlanMismatchError, match="2 more finished shards than its plan"):
        pairgen.ode(model="gaussian", out=str(folder))
    with pytest.raises(ConfigError, match=r"is older than train/0000[45]\.tar"):
        pairgen.repair(folder)
    (folder / layout.PLAN).unlink()
    pairgen.repair(folder)
    assert hashes(folder) == before


def test_a_plan_with_other_shards_removes_none(folder: Path) -> None:
    plan = folder / layout.PLAN
    own = hashes(folder)
    plan.write_bytes(plan.read_bytes().replace(b"samples_per_shard: 4", b"samples_per_shard: 8"))
    before = hashes(folder)
    with pytest.raises(ConfigError, match="was edited"):
        pairgen.repair(folder)
    assert hashes(folder) == before
    plan.unlink()
    pairgen.repair(folder)
    assert hashes(folder) == own


@pytest.mark.parametrize(
    ("part", "other"),
    [
        (b"num_samples: 16", b"num_samples: eight"),
        (b"samples_per_shard: 4", b"samples_per_shard: 0"),
        (b"seed: 0", b"seed: 2024-99-99"),
        (b"teacher:", b"teacher: x\nrest:"),
        (b"resolved:", b"resolved: {}\nrest:"),
    ],
)
def test_a_plan_with_a_damaged_part_comes_back_too(
    folder: Path, ode_set: Path, part: bytes, other: bytes
) -> None:
    plan = folder / layout.PLAN
    assert part in plan.read_bytes()
    plan.write_bytes(plan.read_bytes().replace(part, other, 1))
    with pytest.raises(UnusablePlanError):
        pairgen.ode(model="gaussian", out=str(folder))
    pairgen.repair(folder)
    assert hashes(folder) == hashes(ode_set)


def test_receipts_of_a_later_version_are_receipts(folder: Path) -> None:
    for path in (folder / layout.RECEIPTS).iterdir():
        told = json.loads(path.read_text())
        del told["own_sha256"]
        text = json.dumps({**told, "signature": "x"})
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        path.write_text(f'{text[:-1]}, "own_sha256": "{sha256}"}}')
    before = hashes(folder)
    pairgen.repair(folder)
    for path, sha256 in hashes(folder).items():
        # The manifest holds what this version knows of them.
        assert sha256 == before[path] or path == layout.MANIFEST


def test_a_folder_that_holds_no_dataset_is_told_by_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^There is no folder {tmp_path}/nosuch\.$"):
        read_plan(open_store(tmp_path / "nosuch"))
    with pytest.raises(ConfigError, match=r"^There is no folder memory://nosuch\.$"):
        read_plan(open_store("memory://nosuch"))
    with pytest.raises(ConfigError, match=r"not a dataset folder: it has no __meta__/plan\.yaml"):
        read_plan(open_store(tmp_path))
    (tmp_path / "record.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="is a training run or a student, not a dataset: `pair"):
        read_plan(open_store(tmp_path))

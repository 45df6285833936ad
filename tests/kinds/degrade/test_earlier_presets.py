"""Sets made before a packaged preset became another: the same command continues them."""

import shutil
from pathlib import Path

import pytest

import pairgen
from pairgen.config import packaged_configs
from pairgen.errors import PlanMismatchError
from pairgen.jobs.replay.run import run_replays
from pairgen.kinds.degrade.earlier_presets import BEFORE
from tests.runs import shas

PRESETS = packaged_configs() / "degradations"
OPTIONS = {
    "images": "package:painted",
    "num_images": 4,
    "crop": 64,
    "scales": "4",
    "samples_per_shard": 2,
    "executor": "serial",
}


def made_before(folder: Path, name: str, **options: object) -> Path:
    """Make a set whose plan is that of an earlier version: today's name, what it was."""
    folder.mkdir()
    preset = folder / f"{name}.yaml"
    shutil.copy(PRESETS / f"{BEFORE[name]}.yaml", preset)
    out = folder / "out"
    assert pairgen.degrade(out=str(out), degradation=str(preset), **OPTIONS, **options).complete
    return out


def undo_the_last_shard(out: Path) -> None:
    """Put a dataset back to where a run was stopped between two shards."""
    for pattern in ("train/00001.*", "__meta__/shards/00001*", "__meta__/index/00001*"):
        for path in out.glob(pattern):
            path.unlink()
    (out / "__meta__/manifest.json").unlink()
    assert not pairgen.verify(out).clean


@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("nested", [False, True])
def test_the_same_command_continues_with_the_operations_of_the_set(tmp_path, name, nested):
    out = made_before(tmp_path / "before", name, nested=nested)
    expected = shas(out)
    undo_the_last_shard(out)
    again = {**OPTIONS, "degradation": name, "nested": nested}
    assert pairgen.degrade(out=str(out), **again).complete
    assert shas(out) == expected
    assert pairgen.verify(out).clean
    assert not any(each.differences for each in run_replays(out, ["0", "3"]))


def test_a_new_set_has_the_published_operations(tmp_path):
    before = made_before(tmp_path / "before", "osediff")
    out = tmp_path / "new"
    assert pairgen.degrade(out=str(out), degradation="osediff", **OPTIONS).complete
    assert shas(out) != shas(before)


def test_a_set_of_other_operations_is_refused(tmp_path):
    out = made_before(tmp_path / "before", "osediff")
    undo_the_last_shard(out)
    with pytest.raises(PlanMismatchError, match="degradation"):
        pairgen.degrade(out=str(out), degradation="realesrgan", **OPTIONS)
    own = tmp_path / "osediff.yaml"
    own.write_text("levels: [resize_to_target]")
    with pytest.raises(PlanMismatchError, match=r"operations"):
        pairgen.degrade(out=str(out), degradation=str(own), **OPTIONS)

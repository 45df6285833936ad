"""A set that has grown is trained on with its annotations, once they have caught up."""

from collections.abc import Callable
from pathlib import Path

import pytest

import pairgen
from pairgen.errors import ConfigError
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.data.offered import open_offered
from tests.kinds.images.test_growth import paint

COLLECT = {"size": 64, "samples_per_shard": 2, "executor": "serial"}
DEGRADE = {"crop": 64, "samples_per_shard": 2, "executor": "serial", "degradation": "bicubic"}
CODI = {"model": "tiny", "batch_size": 2, "steps": 1, "tracker": "none", "grid_every": 0}
CANNY = {**CODI, "task": "canny", "prompts": "fixed"}


def collect(images: Path, out: Path) -> Path:
    assert pairgen.collect(images=str(images), out=str(out), **COLLECT).complete
    return out


def degrade(images: Path, out: Path) -> Path:
    # The second time, each image has one sample more.
    more = 2 if out.exists() else 1
    made = pairgen.degrade(images=str(images), out=str(out), samples_per_image=more, **DEGRADE)
    assert made.complete
    return out


@pytest.mark.parametrize("make", [collect, degrade])
def test_annotations_of_a_set_that_has_grown_are_found(
    make: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    images, out = paint(tmp_path / "images", "b", "d", "f", side=80), tmp_path / "out"
    make(images, out)
    pairgen.annotate(out, add="canny", executor="serial")
    paint(images, "a", "c", side=80)
    make(images, out)
    plan = read_plan(open_store(str(out)))
    assert len(plan.fingerprints()) > 1
    # One that is made after the set has grown, and one that has yet to catch up.
    pairgen.annotate(out, add="mask", executor="serial")
    (offered,) = open_offered([str(out)], [plan])
    assert {"canny.png", "mask.png"} <= offered.members.keys()


def test_a_method_reads_what_has_caught_up(
    tmp_path: Path, one_thread: None, caplog: pytest.LogCaptureFixture
) -> None:
    images = paint(tmp_path / "images", "b", "d", "f", side=80)
    out = collect(images, tmp_path / "out")
    pairgen.annotate(out, add="canny", executor="serial")
    before = pairgen.train("codi", data=str(out), out=str(tmp_path / "before"), **CANNY)
    collect(paint(images, "a", side=80), out)
    pairgen.train("codi", data=str(out), out=str(tmp_path / "behind"), **CANNY)
    assert "2 of 4 samples have no canny.png: left out" in caplog.text
    assert f"is behind: `pairgen annotate {out} --add canny` adds what is missing" in caplog.text
    caplog.clear()
    pairgen.annotate(out, add="canny", executor="serial")
    after = pairgen.train("codi", data=str(out), out=str(tmp_path / "after"), **CANNY)
    assert (before.step, after.step) == (1, 1) and "left out" not in caplog.text
    # What was trained on three samples does not go on with four.
    with pytest.raises(ConfigError, match="or has grown: start a new training"):
        pairgen.train("codi", out=str(tmp_path / "before"), resume=True, **CANNY | {"steps": 2})

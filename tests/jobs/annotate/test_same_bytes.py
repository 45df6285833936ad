"""One set of SHA-256 for an overlay, whoever makes it, after kills too."""

import os
import signal
from pathlib import Path

import pytest

import pairgen
from tests.annotated_sets import picture_plan, write_pictures
from tests.runs import kill_group, receipts, run, shas, start, wait_until
from tests.vision_models import write_blip, write_clip

# In one process, like those that start a cluster.
pytestmark = pytest.mark.xdist_group("ray")


MODELS = {"clip": write_clip, "caption": write_blip}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("parent") / "set", picture_plan(80))


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("name", ["latent", "clip", "caption", "tests.own_annotator"])
def test_bytes_are_equal_for_serial_and_ray(name, parent, sd15_folder, tmp_path, cluster) -> None:
    model = MODELS[name](tmp_path / name) if name in MODELS else sd15_folder
    options = {"add": name, "model": str(model), "batch_size": 3}
    options |= {"sample": True} if name == "latent" else {}
    pairgen.annotate(parent, out=str(tmp_path / "serial"), executor="serial", **options)
    expected = shas(tmp_path / "serial")
    assert len(expected) == 40
    out = tmp_path / "ray"
    pairgen.annotate(parent, out=str(out), executor="ray", num_workers=2, **options)
    assert shas(out) == expected


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_run_goes_on_to_the_same_bytes(parent: Path, sd15_folder, tmp_path) -> None:
    options = {"add": "latent", "model": sd15_folder, "batch_size": 1, "executor": "serial"}
    whole = run("annotate", str(parent), **options, out=tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    out = tmp_path / "killed"
    for number in range(2):
        process = start(tmp_path / f"{number}.log", "annotate", str(parent), **options, out=out)
        enough = len(receipts(out)) + 3
        wait_until(lambda: len(receipts(out)) >= enough)  # noqa: B023
        kill_group(process)
    assert len(receipts(out)) < 20
    result = run("annotate", str(parent), **options, out=out)
    assert result.returncode == 0, result.stderr
    assert shas(out) == shas(tmp_path / "whole")
    assert pairgen.verify(out).clean


@pytest.mark.slow
def test_a_run_that_is_stopped_says_so(parent: Path, sd15_folder, tmp_path: Path) -> None:
    options = {"add": "latent", "model": sd15_folder, "batch_size": 1, "executor": "serial"}
    out = tmp_path / "stopped"
    process = start(tmp_path / "log", "annotate", str(parent), **options, out=out)
    wait_until(lambda: len(receipts(out)) >= 1)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait() == 130
    assert "Stopping after the shards in progress" in (tmp_path / "log").read_text()

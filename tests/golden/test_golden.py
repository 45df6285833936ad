"""Folders made by an earlier version: read, verified, continued, made again, judged as they were.

Numbers are compared everywhere, bytes where software and machine are those that made the corpus.
Every test works on a copy. How the corpus came about: `make.py`.
"""

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import pairgen
from pairgen.config import packaged_configs
from pairgen.kinds.degrade.earlier_presets import BEFORE
from tests.golden.reading import (
    CORPUS,
    EXPECTED,
    FOLDER,
    JUDGED,
    LOADS,
    MADE,
    PICTURES,
    RESUMED_STEPS,
    SAMPLED,
    batches,
    call,
    checkpoint_hashes,
    figures,
    machine,
)
from tests.runs import samples, shas

MADE_BY = json.loads((FOLDER / MADE).read_text(encoding="utf-8"))
COMMANDS = MADE_BY["commands"]
THERE = json.loads((FOLDER / EXPECTED).read_text(encoding="utf-8"))
SAME_MACHINE = MADE_BY["machine"] == machine()
SETS = ("pairs", "seeds", "degraded")
# Of the largest value of an array: float16 keeps 5e-4 of a value.
TOLERANCE = 1e-3
# What a decoder of JPEG may do otherwise, and, in the mean, a JPEG or a sharpening after that.
GREY_LEVELS, MEAN_GREY_LEVELS = 2, 0.5


@pytest.fixture(autouse=True)
def in_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    """Work in a copy of the corpus: the commands name it by relative paths."""
    shutil.copytree(FOLDER / CORPUS, tmp_path / CORPUS)
    monkeypatch.chdir(tmp_path / CORPUS)


def assert_kept(there: Any, now: Any, where: str = "") -> None:
    """Fail unless everything recorded is there still; what is new may stand beside it."""
    if isinstance(there, Mapping):
        assert there.keys() <= now.keys(), where
        for key, value in there.items():
            assert_kept(value, now[key], f"{where}.{key}")
    elif isinstance(there, list):
        assert len(there) == len(now), where
        for number, (value, found) in enumerate(zip(there, now, strict=True)):
            assert_kept(value, found, f"{where}[{number}]")
    elif isinstance(there, float):
        assert now == pytest.approx(there, rel=1e-5, abs=1e-9), where
    else:
        assert now == there, where


def assert_near(found: np.ndarray, there: np.ndarray) -> None:
    assert (found.dtype, found.shape) == (there.dtype, there.shape)
    found, there = found.astype(np.float64), there.astype(np.float64)
    assert np.abs(found - there).max() <= TOLERANCE * np.abs(there).max()


def assert_looks_like(name: str, found: bytes, there: bytes) -> None:
    pictures = [np.asarray(Image.open(io.BytesIO(data)), np.float64) for data in (found, there)]
    assert pictures[0].shape == pictures[1].shape
    distance = np.abs(pictures[0] - pictures[1])
    if name == "png":
        assert distance.max() <= GREY_LEVELS
    else:
        assert distance.mean() <= MEAN_GREY_LEVELS


def opened(facts: bytes) -> dict[str, Any]:
    """Return the facts of a sample, the draw in them decoded."""
    return {
        name: json.loads(value) if name == "draw" else value
        for name, value in json.loads(facts).items()
    }


def assert_same_set(found: Path, there: Path) -> None:
    """Compare two sets sample by sample; shard by shard where the machine is the same."""
    pairs = list(zip(samples(found), samples(there), strict=True))
    assert pairs
    for sample, expected in pairs:
        assert sample.keys() == expected.keys()
        for name, data in expected.items():
            if name == "json":
                assert_kept(opened(data), opened(sample[name]))
                assert json.loads(sample[name]).keys() == json.loads(data).keys()
            elif name.endswith(".npy"):
                assert_near(*(np.load(io.BytesIO(each)) for each in (sample[name], data)))
            elif name.endswith("png"):
                assert_looks_like(name, sample[name], data)
            else:
                assert sample[name] == data
    if SAME_MACHINE:
        assert shas(found) == shas(there)


def plan_of(folder: str) -> dict[str, Any]:
    """Return what a set's plan says, but for where this machine has the model."""
    plan = yaml.safe_load(Path(folder, "__meta__/plan.yaml").read_text(encoding="utf-8"))
    plan["teacher"].pop("location", None)
    plan["resolved"].get("options", {}).pop("model", None)
    return plan


def test_the_corpus_is_small_and_of_no_machine() -> None:
    files = [path for path in Path().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 900_000
    for path in Path().glob("*/__meta__/shards/*.json"):
        host = json.loads(path.read_text(encoding="utf-8"))["made"]["host"]
        assert host in ("golden", "somewhere")


@pytest.mark.parametrize("name", [*SETS, "overlay"])
def test_a_set_is_clean(name: str) -> None:
    report = pairgen.verify(name)
    assert report.clean and not report.unread and not report.mixes, report.table()
    found = pairgen.inspect(name).data
    assert found["complete"]
    assert found["plan"]["fingerprint"] == THERE["fingerprints"][name]


def test_of_an_interrupted_set_the_missing_shards_are_told() -> None:
    report = pairgen.verify("interrupted")
    assert [(each.kind, each.where) for each in report.problems] == [
        ("incomplete", "train/00001.tar"),
        ("incomplete", "train/00002.tar"),
    ]
    assert report.bad_shards == (1, 2)
    found = pairgen.inspect("interrupted").data
    assert (found["num_samples"], found["num_planned"], found["complete"]) == (4, 10, False)


@pytest.mark.parametrize("name", SETS)
def test_the_command_finds_its_set_finished(name: str) -> None:
    def state() -> dict[Path, tuple[bytes, int]]:
        files = [
            path
            for part in ("train", "__meta__/shards", "__meta__/index")
            for path in Path(name, part).iterdir()
        ]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    files, plan = state(), plan_of(name)
    manifest_file = Path(name, "__meta__/manifest.json")
    folded = json.loads(manifest_file.read_text(encoding="utf-8"))
    manifest = call(COMMANDS[name])
    assert manifest.complete
    assert manifest.plan.fingerprint() == THERE["fingerprints"][name]
    assert state() == files
    assert_kept(plan, plan_of(name))
    assert_kept(folded, json.loads(manifest_file.read_text(encoding="utf-8")))
    assert pairgen.verify(name).clean


def restore_presets() -> None:
    """Let the names of presets mean what they did: a file of that name in ./configs counts."""
    folder = Path("configs/degradations")
    folder.mkdir(parents=True)
    for name, before in BEFORE.items():
        shutil.copy(packaged_configs() / f"degradations/{before}.yaml", folder / f"{name}.yaml")


@pytest.mark.parametrize("name", SETS)
def test_the_command_makes_its_set_again(name: str) -> None:
    restore_presets()
    manifest = call(COMMANDS[name], out="again")
    assert manifest.plan.fingerprint() == THERE["fingerprints"][name]
    assert_kept(plan_of(name), plan_of("again"))
    there = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(Path(name, "__meta__/shards").iterdir())
    ]
    assert [(each["count"], each["failed"]) for each in there] == [
        # A later version names the image, too.
        (each.count, [replace(slot, image="").to_dict() for slot in each.failed])
        for each in manifest.receipts
    ]
    assert_same_set(Path("again"), Path(name))


def test_an_interrupted_set_ends_as_one_that_was_not() -> None:
    first = Path("interrupted/train/00000.tar").read_bytes()
    manifest = call(COMMANDS["interrupted"])
    assert manifest.complete
    assert manifest.plan.fingerprint() == THERE["fingerprints"]["pairs"]
    assert Path("interrupted/train/00000.tar").read_bytes() == first
    assert_same_set(Path("interrupted"), Path("pairs"))
    assert pairgen.verify("interrupted").clean


@pytest.mark.parametrize("name", LOADS)
def test_batches_are_those_that_were(name: str) -> None:
    assert batches(name) == THERE["batches"][name]


@pytest.mark.parametrize(("name", "key"), [("pairs", "9"), ("seeds", "1"), ("degraded", "6")])
def test_a_sample_is_replayed(name: str, key: str) -> None:
    # Model and photographs lie elsewhere than where the set was made.
    call(COMMANDS[name])
    replay = pairgen.replay(name, key)
    if SAME_MACHINE:
        assert replay.differences == ()
    assert "txt" in replay.equal
    for distance in replay.distances.values():
        assert distance.relative <= TOLERANCE


def assert_same_pictures(stage: int) -> None:
    """Compare what the run's student makes with what it made: at first 0, resumed 1."""
    found = pairgen.sample(model="run", **SAMPLED).pictures.astype(np.float64)
    distance = np.abs(found - np.load(FOLDER / PICTURES)[stage])
    assert distance.max() <= (0 if SAME_MACHINE else 1)
    assert distance.mean() <= 255 * TOLERANCE


def test_a_student_makes_the_pictures_that_it_made() -> None:
    assert_same_pictures(0)


def test_a_student_is_judged_as_it_was() -> None:
    call(COMMANDS["pairs"])
    found = pairgen.evaluate("run", **JUDGED).figures
    assert found["model"]["method"] == "regression"
    assert found["model"]["trained_on"] == [THERE["fingerprints"]["pairs"]]
    distances = {row["name"]: row["latent_relative_rms"] for row in found["rows"]}
    assert distances == pytest.approx(THERE["latent_relative_rms"], rel=TOLERANCE, abs=TOLERANCE)


def test_a_run_goes_on_as_it_would_have() -> None:
    trained = pairgen.train("regression", out="run", resume=True, steps=RESUMED_STEPS)
    assert (trained.step, trained.interrupted) == (RESUMED_STEPS, False)
    lines = Path("run/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    for line, there in zip(lines, THERE["metrics"], strict=True):
        assert figures(json.loads(line)) == pytest.approx(there, rel=TOLERANCE)
    if SAME_MACHINE:
        assert checkpoint_hashes(RESUMED_STEPS) == THERE["checkpoint"]
    record = json.loads(Path("run/record.json").read_text(encoding="utf-8"))
    assert record["steps"] == RESUMED_STEPS
    assert [each["fingerprint"] for each in record["sets"]] == [THERE["fingerprints"]["pairs"]]
    assert_same_pictures(1)

"""Data names no code: what a set, a run or a model's folder names runs only when it is trusted."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

import pairgen
from pairgen.errors import UntrustedCodeError
from tests import warm
from tests.runs import run_many

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "configs/models/tiny.yaml").read_text())
GAUSSIAN = yaml.safe_load((ROOT / "configs/models/gaussian.yaml").read_text())
# As harmless as a stranger's code gets: it tells that it ran, then is the embedded teacher.
HELPER = """
import pathlib
pathlib.Path(__file__).with_name("it-ran").write_text("")
from pairgen.teachers.latent_diffusion import *
"""
# Another, that is ready sooner.
QUICK_HELPER = HELPER.replace("latent_diffusion", "gaussian")
OPERATION = """
import pathlib
pathlib.Path(__file__).with_name("it-ran").write_text("")
from pairgen.degradations.clip import *
"""
TRAIN = ["--steps", "1", "--batch-size", "2", "--set", "num_grid_prompts=1"]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A downloaded folder `pairs`, as its author made it, and a student `run`. Do not change it."""
    desk = tmp_path_factory.mktemp("stranger")
    (desk / "pairs").mkdir()
    (desk / "pairs/helper.py").write_text(HELPER)
    (desk / "pairs/operation.py").write_text(OPERATION)
    location = str(ROOT / "pairgen/assets/tiny")
    model = {**TINY, "teacher": "pairs.helper", "location": location}
    (desk / "pairs/author.yaml").write_text(yaml.safe_dump(model))
    preset = {"levels": ["pairs.operation", "resize_to_target"]}
    (desk / "author-preset.yaml").write_text(yaml.safe_dump(preset))
    small = ["--steps", "2", "--num-samples", "4", "--samples-per-shard", "2", "--batch-size", "2"]
    said, codes = run_many(
        desk,
        ["ode", "--model", "pairs/author.yaml", "--cfg", "2", *small, "--out", "pairs"],
        [
            *("degrade", "--degradation", "author-preset.yaml", "--scales", "2", "--crop", "64"),
            *("--samples-per-shard", "2", "--out", "degraded"),
        ],
        ["train", "regression", "--data", "pairs", "--trust-code", *TRAIN, "--out", "run"],
    )
    assert codes == [0, 0, 0], said
    assert (desk / "pairs/it-ran").exists()
    assert yaml.safe_load((desk / "run/model.yaml").read_text())["teacher"] == "pairs.helper"
    (desk / "pairs/it-ran").unlink()
    return desk


@pytest.fixture(scope="module")
def quick_stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A downloaded folder `pairs` whose teacher loads nothing. Do not change it."""
    desk = tmp_path_factory.mktemp("stranger")
    (desk / "pairs").mkdir()
    (desk / "pairs/helper.py").write_text(QUICK_HELPER)
    model = {**GAUSSIAN, "teacher": "pairs.helper"}
    (desk / "pairs/author.yaml").write_text(yaml.safe_dump(model))
    small = ["--steps", "2", "--num-samples", "4", "--samples-per-shard", "2", "--batch-size", "2"]
    line = ["ode", "--model", "pairs/author.yaml", "--cfg", "2", *small, "--out", "pairs"]
    said, codes = run_many(desk, line)
    assert codes == [0], said
    (desk / "pairs/it-ran").unlink()
    return desk


@pytest.fixture
def quick_desk(quick_stranger: Path, tmp_path: Path) -> Path:
    """A working directory with that download, unfinished so that there is something to make."""
    desk = Path(shutil.copytree(quick_stranger, tmp_path / "desk", ignore=only_sources))
    undo_last(desk / "pairs")
    return desk


@pytest.fixture
def desk(stranger: Path, tmp_path: Path) -> Path:
    """A working directory with the downloads, unfinished so that there is something to make."""
    desk = Path(shutil.copytree(stranger, tmp_path / "desk", ignore=only_sources))
    shutil.copytree(desk / "pairs", desk / "whole")
    for folder in ("pairs", "degraded"):
        undo_last(desk / folder)
    return desk


def undo_last(folder: Path) -> None:
    """Take the second of a set's two shards away."""
    for path in ("__meta__/shards/00001.json", "__meta__/index/00001.parquet", "train/00001.tar"):
        (folder / path).unlink()


def only_sources(_: str, names: list[str]) -> set[str]:
    return {"__pycache__"} & set(names)


def it_ran(desk: Path) -> bool:
    """Whether the stranger's code ran since it was last asked."""
    mark = desk / "pairs/it-ran"
    ran = mark.exists()
    mark.unlink(missing_ok=True)
    return ran


# What imports a teacher or an operation that data names; the set is finished by the second.
COMMANDS: dict[str, Sequence[str]] = {
    "replay": ("replay", "pairs", "0"),
    "resume": ("ode", "--out", "pairs"),
    "repair": ("repair", "pairs"),
    "inspect": ("inspect", "pairs", "--grid", "grid.png"),
    "train": ("train", "regression", "--data", "pairs", *TRAIN, "--out", "own"),
    "train on": ("train", "regression", "--resume", "--out", "run", *TRAIN[2:], "--steps", "2"),
    "eval": (
        *("eval", "run", "--data", "pairs", "--teacher-steps", "1", "--out", "judged"),
        "--allow-training-data",
    ),
    "compare": ("compare", "run@1", "--data", "pairs", "--allow-training-data", "--out", "table"),
    "sample": ("sample", "--model", "run", "--prompts", "a cat"),
    "sample, by file": ("sample", "--model", "run/model.yaml", "--prompts", "a cat"),
    "ode": ("ode", "--model", "run", "--num-samples", "1", "--out", "more"),
    "calibrate": ("calibrate", "--model", "run", "--num-prompts", "1", "--cfg", "1"),
    "from ode": ("degrade", "--from-ode", "whole", "--scales", "2", "--crop", "64", "--out", "d"),
    "degrade": ("degrade", "--out", "degraded"),
    "repair degraded": ("repair", "degraded"),
    "replay degraded": ("replay", "degraded", "0"),
}


@pytest.mark.timeout(300)
def test_no_command_runs_what_data_names(desk: Path) -> None:
    lines = list(COMMANDS.values())
    said, codes = run_many(desk, *lines, PYTHONPATH=f"{desk}:{ROOT}")
    assert codes == [2] * len(lines), said
    assert not it_ran(desk)
    for line in lines:
        command = shlex.join([line[0], "--trust-code", *line[1:]])
        assert f"Run: pairgen {command}" in said, said
    assert not (desk / "pairs/__meta__/shards/00001.json").exists()
    assert not (desk / "own").exists()
    assert (desk / "degraded/__meta__/shards/00000.json").exists()


def test_commands_that_need_no_code_work(desk: Path) -> None:
    lines = [("verify", "pairs"), ("inspect", "pairs"), ("inspect", "pairs", "0", "--json")]
    said, codes = run_many(desk, *lines, PYTHONPATH=f"{desk}:{ROOT}")
    assert codes == [1, 0, 0], said
    assert not it_ran(desk)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_command_runs_it_when_it_is_trusted(desk: Path) -> None:
    done = {name: line for name, line in COMMANDS.items() if name != "calibrate"}
    trusted = [(*line, "--trust-code") for line in done.values()]
    said, codes = run_many(desk, *trusted, PYTHONPATH=f"{desk}:{ROOT}")
    assert dict(zip(done, codes, strict=True)) == dict.fromkeys(done, 0), said
    assert it_ran(desk)


def by_module(desk: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_in(desk, [sys.executable, "-m", "pairgen", *arguments])


def by_console_script(desk: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_in(desk, [console_script(), *arguments])


def by_python_path(desk: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_in(desk, [console_script(), *arguments], PYTHONPATH=f"{desk}:{ROOT}")


def by_own_script(desk: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    trust = "--trust-code" in arguments
    (desk / "script.py").write_text(
        f"import pairgen\npairgen.repair('pairs', trust_code={trust})\n"
    )
    return run_in(desk, [sys.executable, "script.py"])


def by_ray(desk: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    ray = ("--executor", "ray", "--num-workers", "1")
    return run_in(desk, [console_script(), *arguments, *ray])


def run_in(desk: Path, line: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        line,
        cwd=desk,
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def console_script() -> str:
    return str(Path(sys.executable).parent / "pairgen")


WAYS = [by_module, by_console_script, by_python_path, by_own_script]


@pytest.mark.parametrize("way", [*WAYS, pytest.param(by_ray, marks=pytest.mark.ray)])
def test_however_pairgen_is_started_it_runs_only_what_is_trusted(
    quick_desk: Path, way: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    refused = way(quick_desk, "repair", "pairs")
    assert refused.returncode == (1 if way is by_own_script else 2), refused.stderr
    assert "is outside pairgen" in refused.stderr
    assert not it_ran(quick_desk)
    trusted = way(quick_desk, "repair", "pairs", "--trust-code")
    assert trusted.returncode == 0, trusted.stderr
    assert it_ran(quick_desk)
    assert (quick_desk / "pairs/__meta__/shards/00001.json").exists()


def test_what_the_user_names_is_trusted(desk: Path) -> None:
    """Their own model config and preset, typed on this very command."""
    model = {**TINY, "teacher": "pairs.helper", "location": str(ROOT / "pairgen/assets/tiny")}
    (desk / "mine.yaml").write_text(yaml.safe_dump(model))
    preset = {"levels": ["pairs.operation", "resize_to_target"]}
    (desk / "mine-preset.yaml").write_text(yaml.safe_dump(preset))
    small = ["--num-samples", "1", "--steps", "1"]
    lines = [
        ["ode", "--model", "mine.yaml", *small, "--out", "a"],
        ["degrade", "--degradation", "mine-preset.yaml", "--scales", "2", "--crop", "64"],
    ]
    for line in lines:
        done = warm.run(
            [console_script(), *line],
            first=Path(console_script()).parent,
            cwd=desk,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr
        assert it_ran(desk)


def test_what_lies_in_a_downloaded_folder_is_not_the_users_word(desk: Path) -> None:
    """Configs found in the working directory, and files of a run under another name."""
    model = {**TINY, "teacher": "pairs.helper", "location": str(ROOT / "pairgen/assets/tiny")}
    (desk / "configs/models").mkdir(parents=True)
    for name in ("gaussian", "own"):
        (desk / f"configs/models/{name}.yaml").write_text(yaml.safe_dump(model))
    (desk / "m.yaml").write_text(yaml.safe_dump(model))
    (desk / "p.yaml").write_text(yaml.safe_dump({"levels": ["pairs.operation"]}))
    (desk / "pairgen.yaml").write_text("ode: {model: m.yaml}\ndegrade: {degradation: p.yaml}\n")
    (desk / "run/m.yaml").symlink_to("model.yaml")
    (desk / "pairs/n.yaml").write_text(yaml.safe_dump(model))
    small = ["--num-samples", "1", "--steps", "1"]
    lines = [
        ["ode", *small, "--out", "a"],
        ["ode", "--model", "gaussian", *small, "--out", "a"],
        ["ode", "--model", "own", *small, "--out", "a"],
        ["ode", "--model", "run/m.yaml", *small, "--out", "a"],
        ["ode", "--model", "pairs/n.yaml", *small, "--out", "a"],
        ["degrade", "--scales", "2", "--crop", "64", "--out", "b"],
    ]
    said, codes = run_many(desk, *lines, PYTHONPATH=f"{desk}:{ROOT}")
    assert codes == [2] * len(lines), said
    assert not it_ran(desk)
    trusted = [*lines[2], "--trust-code"]
    said, codes = run_many(desk, trusted, PYTHONPATH=f"{desk}:{ROOT}")
    assert codes == [0], said
    assert it_ran(desk)


def test_no_file_can_say_that_its_code_is_trusted(desk: Path) -> None:
    (desk / "pairgen.yaml").write_text("ode: {trust_code: true}\ntrain: {trust_code: true}\n")
    lines = [
        ["ode", "--out", "pairs"],
        ["train", "regression", "--data", "pairs"],
        ["ode", "--out", "pairs", "--set", "trust_code=true"],
        ["ode", "--out", "pairs", "--set", "trust-code=true"],
    ]
    said, codes = run_many(desk, *lines, PYTHONPATH=f"{desk}:{ROOT}")
    assert codes == [2] * 4, said
    assert said.count("from the command line only") == 4
    assert not it_ran(desk)


def test_trust_ends_with_its_call(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    monkeypatch.syspath_prepend(str(desk))
    path = list(sys.path)
    try:
        assert not pairgen.replay("pairs", "0", trust_code=True).differences
        mine = desk / "mine.yaml"
        model = {**TINY, "teacher": "pairs.helper", "location": str(ROOT / "pairgen/assets/tiny")}
        mine.write_text(yaml.safe_dump(model))
        # A path is named as well as its text.
        pairgen.ode(model=mine, cfg=1, steps=1, num_samples=1, out="named")
        assert it_ran(desk)
        assert sys.path == path
        for act in (
            lambda: pairgen.replay("pairs", "0"),
            lambda: pairgen.inspect("pairs", grid="grid.png"),
            lambda: pairgen.ode(out="pairs"),
            lambda: pairgen.repair("pairs"),
            lambda: pairgen.sample(model="run", prompts=["a cat"]),
            lambda: pairgen.train("regression", data="pairs", steps=1, out="own"),
        ):
            with pytest.raises(UntrustedCodeError, match=r"'pairs\.helper'"):
                act()
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "pairs"]:
            del sys.modules[name]

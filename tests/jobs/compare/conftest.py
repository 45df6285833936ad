"""Students of a few steps, and pairs to compare them on."""

import sys
from pathlib import Path

import pytest
import yaml

import pairgen
from pairgen.cli import main
from pairgen.config import packaged_configs
from pairgen.jobs.train.run import run_train
from tests.training.conftest import OPTIONS, make_degraded

TOY = "tests.training.toy_restorer"
PAIRS = {
    "model": "tiny",
    "cfg": 4,
    "steps": 3,
    "samples_per_shard": 8,
    "batch_size": 8,
    "executor": "serial",
}


@pytest.fixture(scope="package")
def text(tmp_path_factory) -> Path:
    """Pairs, held-out pairs of two noises a prompt, two students. Do not change them."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "prompts.txt").write_text(
        "a 3d red apple on a white background\na 3d tiger on a green background\n"
    )
    pairgen.ode(**PAIRS, num_samples=8, out=str(folder / "pairs"))
    held = {"prompts": str(folder / "prompts.txt"), "num_samples": 8, "seed": 1}
    pairgen.ode(**PAIRS, **held, out=str(folder / "held"))
    for name, method in (("one", "regression"), ("few", "reflow")):
        train = {"data": str(folder / "pairs"), "steps": 1, "batch_size": 2, "tensorboard": False}
        pairgen.train(method, **train, num_grid_prompts=1, out=str(folder / "runs" / name))
    return folder


@pytest.fixture(scope="package")
def images(tmp_path_factory, sd15_folder) -> Path:
    """Pairs of photographs, held-out ones, three students. Do not change them."""
    folder = tmp_path_factory.mktemp("images")
    make_degraded(folder / "seen", ("bridge", "citrus"))
    make_degraded(folder / "held", ("honey-bee", "seeding"), samples_per_image=4)
    conditional = {"kind": "conditional", "source": "lr2.png", "scale": 2, "prompts": "txt"}
    for name, options in {
        "first": {"student.encoder.lora_rank": 2, "train_encoder": True},
        "second": {"seed": 1},
        "conditional": {**conditional, "start": "noise", "concat": True, "posterior": "sample"},
    }.items():
        given = {**OPTIONS, "method": TOY, "model": str(sd15_folder), "data": str(folder / "seen")}
        run_train({**given, "out": str(folder / name), "steps": 2, "batch_size": 2, **options})
    return folder


@pytest.fixture
def desk(tmp_path) -> Path:
    """Pairs of a mixture of Gaussians, and two models of their own files beside them."""
    made = {"model": "gaussian", "steps": 3, "num_samples": 8, "executor": "serial"}
    pairgen.ode(**made, cfg=1, out=str(tmp_path / "held"))
    text = (packaged_configs() / "models/gaussian.yaml").read_text()
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(text)
    change(tmp_path / "two.yaml")
    return tmp_path


def change(model: Path) -> None:
    """Make another mixture of a model."""
    found = yaml.safe_load(model.read_text())
    found["options"]["seed"] += 1
    model.write_text(yaml.safe_dump(found))


@pytest.fixture
def call(monkeypatch, capsys):
    """Run `pairgen` with arguments in a folder; return its exit code, stdout and stderr."""

    def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["pairgen", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        output = capsys.readouterr()
        return stop.value.code or 0, output.out, output.err

    return run

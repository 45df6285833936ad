"""Students from images of a few steps, and pairs to evaluate them on."""

import sys
from pathlib import Path

import pytest

from pairgen.cli import main
from pairgen.jobs.train.run import run_train
from tests.training.conftest import OPTIONS, make_degraded

TOY = "tests.training.toy_restorer"
NUM = 140


@pytest.fixture(scope="package")
def folder(tmp_path_factory, sd15_folder) -> Path:
    """Training pairs, held-out pairs of other photographs, two students. Do not change them."""
    folder = tmp_path_factory.mktemp("eval")
    make_degraded(folder / "seen", ("bridge", "citrus"))
    held = {"samples_per_image": NUM // 2, "samples_per_shard": 50}
    make_degraded(folder / "held", ("honey-bee", "seeding"), **held)
    conditional = {"kind": "conditional", "source": "lr2.png", "scale": 2, "prompts": "txt"}
    for name, options in {
        "run": {"student.encoder.lora_rank": 2, "train_encoder": True},
        "conditional": {**conditional, "start": "noise", "concat": True, "posterior": "sample"},
    }.items():
        given = {**OPTIONS, "method": TOY, "model": str(sd15_folder), "data": str(folder / "seen")}
        run_train({**given, "out": str(folder / name), "steps": 4, "batch_size": 4, **options})
    return folder


@pytest.fixture
def call(folder, monkeypatch, capsys):
    """Run the command beside the runs; return its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["pairgen", "eval", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        output = capsys.readouterr()
        return stop.value.code or 0, output.out, output.err

    return run

"""The commands as Python calls leave the process as they found it, also when they fail midway."""

import logging
import os
import random
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# What a library does to a process when it is imported is its own affair.
import accelerate
import cv2
import diffusers  # noqa: F401
import huggingface_hub.utils as hub
import numpy as np
import pytest
import torch
import transformers.utils.logging as transformers_logging
from accelerate.state import AcceleratorState, GradientState, PartialState

import pairgen
from pairgen.api import run_degrade_dry, run_ode_dry, run_replays
from pairgen.errors import OutOfDeviceMemoryError, PairgenError
from tests.execution.test_faults import write_model
from tests.training.conftest import OPTIONS, make_pairs

TRAIN = {**OPTIONS, "steps": 1, "batch_size": 4, "num_grid_prompts": 1}
ODE = {"model": "gaussian", "cfg": 3, "steps": 2, "num_samples": 8, "executor": "serial"}
HUNGRY = {**ODE, "batch_size": 4, "samples_per_shard": 4}
DEGRADE = {"crop": 64, "executor": "serial"}
LATENT_LPIPS = {
    **{"width": 1 / 16, "steps": 1, "batch_size": 2, "held_out": 0.5, "max_shift": 1},
    **{"num_triplets": 8, "calibration_steps": 1, "calibration_batch_size": 4},
    "tensorboard": False,
}
LIBRARIES = ("diffusers", "transformers", "huggingface_hub", "accelerate", "pairgen", "PIL")


@pytest.fixture(scope="module")
def sets(sd15_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs, others held out, a degraded set, a run, and a teacher that takes two at a time."""
    folder = tmp_path_factory.mktemp("sets")
    size = {"num_samples": 8, "samples_per_shard": 4, "batch_size": 4}
    make_pairs(sd15_folder, folder / "pairs", **size)
    make_pairs(sd15_folder, folder / "held", **size, seed=1)
    pairgen.ode(**ODE, out=folder / "gaussian")
    pairgen.degrade(**DEGRADE, out=folder / "degraded")
    pairgen.train(**TRAIN, data=str(folder / "pairs"), out=str(folder / "run"))
    write_model(folder)
    # Keeps what is given to it, and in batches of four nothing fits.
    (folder / "hungry.yaml").write_text(
        "levels: [{tests.degradations.own_hungry: {max_batch: 1}}, resize_to_target]"
    )
    return folder


@pytest.fixture
def inside(sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sets as current directory."""
    shutil.copytree(sets, tmp_path / "sets")
    monkeypatch.chdir(tmp_path / "sets")
    return tmp_path / "sets"


def own_handler(number: int, frame: object) -> None:
    """Stand for what a user's program does at a signal."""


@pytest.fixture
def unusual(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process as no default is, so that what returns to a default is seen too."""
    kept = torch.get_num_threads(), cv2.getNumThreads(), signal.getsignal(signal.SIGTERM)
    bars = transformers_logging.is_progress_bar_enabled()
    torch.set_num_threads(3)
    cv2.setNumThreads(2)
    signal.signal(signal.SIGTERM, own_handler)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(logging.getLogger("diffusers"), "level", logging.CRITICAL)
    # Bars of one library only, which is told to hide those of the other as well.
    transformers_logging.disable_progress_bar()
    hub.enable_progress_bars()
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    torch.rand(3)
    accelerate.Accelerator(cpu=True, gradient_accumulation_steps=4)
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    if bars:
        transformers_logging.enable_progress_bar()
    torch.set_num_threads(kept[0])
    cv2.setNumThreads(kept[1])
    signal.signal(signal.SIGTERM, kept[2])


def process_state() -> dict[str, Any]:
    """Return what belongs to the whole process, by name, to be compared."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return {
        "threads of torch": torch.get_num_threads(),
        "threads between operations": torch.get_num_interop_threads(),
        "threads of OpenCV": cv2.getNumThreads(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "generator of torch": torch.get_rng_state().tolist(),
        "generator of NumPy": str(np.random.get_state()),
        "generator of Python": random.getstate(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn": (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        "matmul": (matmul.allow_tf32, torch.get_float32_matmul_precision()),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "NumPy's errors": np.geterr(),
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "warnings": list(warnings.filters),
        "levels": {name: logging.getLogger(name).level for name in LIBRARIES},
        "logging": (logging.root.level, logging.root.manager.disable, list(logging.root.handlers)),
        "bars": (hub.are_progress_bars_disabled(), transformers_logging.is_progress_bar_enabled()),
        "accelerate": [dict(state._shared_state) for state in (PartialState, GradientState)],
    }


def assert_left_as_found(call: Callable[[], object], error: type[Exception] | None = None) -> None:
    before = process_state()
    if error is None:
        call()
    else:
        with pytest.raises(error):
            call()
    after = process_state()
    assert {name for name in before if before[name] != after[name]} == set()


CALLS: dict[str, Callable[[], object]] = {
    "ode": lambda: pairgen.ode(**ODE | {"model": "run", "cfg": 1, "steps": 1}, out="out"),
    "ode, dry": lambda: run_ode_dry(ODE | {"out": "out"}, num_samples=4),
    "degrade": lambda: pairgen.degrade(**DEGRADE, out="out"),
    "degrade by torch": lambda: pairgen.degrade(**DEGRADE, pixel_path="torch", out="out"),
    "degrade decoded": lambda: pairgen.degrade(from_ode="gaussian", crop=16, scales=2, out="out"),
    "degrade, dry": lambda: run_degrade_dry(DEGRADE | {"out": "out"}, num_samples=4),
    "sample": lambda: pairgen.sample(model="run", prompts="a cat", out="cat.png"),
    "train": lambda: pairgen.train(**TRAIN, data="pairs", out="out"),
    "train adapters": lambda: pairgen.train(**TRAIN, data="pairs", out="out", lora_rank=2),
    "train on": lambda: pairgen.train("regression", out="run", steps=2, resume=True),
    "train in two threads": lambda: pairgen.train(
        **TRAIN | {"tensorboard": True}, data="pairs", out="out", cpu_threads=2
    ),
    "train latent-lpips": lambda: pairgen.train(
        "latent-lpips", **LATENT_LPIPS, data="pairs", out="out"
    ),
    "evaluate": lambda: pairgen.evaluate("run", data="held", teacher_steps=2),
    "compare": lambda: pairgen.compare("run", data="held", teacher_steps=2, out="table"),
    "replay": lambda: pairgen.replay("pairs", "5"),
    "replay degraded": lambda: pairgen.replay("degraded", "1"),
    "verify": lambda: pairgen.verify("pairs", executor="serial"),
    "inspect": lambda: pairgen.inspect("pairs", grid="grid.png", num=2),
    "inspect degraded": lambda: pairgen.inspect("degraded", grid="grid.png", num=2),
    "repair": lambda: (
        Path("pairs/train/00001.tar").unlink(),
        pairgen.repair("pairs", executor="serial"),
    ),
    "calibrate": lambda: pairgen.calibrate(
        model="gaussian",
        cfg=3,
        steps=2,
        tolerance="9%",
        reference_steps=40,
        num_prompts=2,
        out="out",
    ),
    "load": lambda: list(pairgen.Loader("degraded", fields=["png", "lr4.png"], batch_size=2)),
}

FAILING: dict[str, tuple[type[Exception], Callable[[], object]]] = {
    "ode": (
        OutOfDeviceMemoryError,
        lambda: pairgen.ode(**HUNGRY | {"model": "fragile.yaml"}, out="out"),
    ),
    "degrade": (
        OutOfDeviceMemoryError,
        lambda: pairgen.degrade(
            **DEGRADE, degradation="hungry.yaml", pixel_path="torch", batch_size=4, out="out"
        ),
    ),
    "sample": (
        OutOfDeviceMemoryError,
        lambda: pairgen.sample(
            model="fragile.yaml", prompts=["a", "b", "c"], batch_size=4, out="cat.png"
        ),
    ),
    "train": (
        PairgenError,
        lambda: pairgen.train(
            **TRAIN | {"method": "tests.training.two_players", "steps": 9},
            data="pairs",
            out="out",
            weight=1e38,
            players={"student": {"lr": 9.9, "clip": 0.0, "warmup_steps": 0}},
        ),
    ),
    "evaluate": (
        OutOfDeviceMemoryError,
        lambda: pairgen.evaluate(
            "fragile.yaml", data="gaussian", batch_size=4, teacher_steps=2, out="out"
        ),
    ),
    "calibrate": (
        OutOfDeviceMemoryError,
        lambda: pairgen.calibrate(
            model="fragile.yaml", cfg=3, steps=2, num_prompts=4, batch_size=4, out="out"
        ),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_leaves_the_process_as_it_found_it(name, inside, unusual):
    assert_left_as_found(CALLS[name])


@pytest.mark.parametrize("name", FAILING)
def test_so_does_a_call_that_fails_midway(name, inside, unusual):
    assert_left_as_found(FAILING[name][1], FAILING[name][0])


def test_the_process_is_the_callers_between_two_samples_that_are_made_again(inside, unusual):
    before = process_state()
    replays = run_replays("degraded", ["0", "1", "2"])
    for _ in range(2):
        assert next(replays).differences == ()
        after = process_state()
        assert {name for name in before if before[name] != after[name]} == set()
    replays.close()

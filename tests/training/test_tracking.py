"""Metrics and grids in a tracker, and what accelerate's config file may ask for."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pairgen.errors import ConfigError, PairgenError
from pairgen.training.loop.launched import check_launched
from pairgen.training.loop.metrics import Metrics
from pairgen.training.loop.tracking import Tracking, tracker_of
from pairgen.training.options import TrainConfig


def config(**changes: object) -> TrainConfig:
    return TrainConfig(**{"method": "regression", "data": ["pairs"], "out": "run", **changes})


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_has_the_scalars_and_the_pictures(tmp_path: Path):
    grid = tmp_path / "grid.png"
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(grid)
    chosen = config(tracker="tensorboard", tensorboard=False)
    metrics = Metrics(tmp_path, 0, Tracking(chosen, tmp_path, 0))
    metrics.write(1, {"student/loss": 0.5, "student/grad_norm": float("inf")})
    metrics.write(2, {"student/loss": 0.25})
    metrics.picture(2, grid)
    metrics.close()
    found = read(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("student/loss")] == [(1, 0.5), (2, 0.25)]
    assert found.Tags()["scalars"] == ["student/loss"]
    (picture,) = found.Images("grid")
    assert (picture.step, picture.width, picture.height) == (2, 4, 4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_resumed_run_hides_what_it_writes_again(tmp_path: Path):
    for first, steps in ((0, (1, 2, 3)), (1, (2, 3))):
        metrics = Metrics(tmp_path, first, Tracking(config(tracker="tensorboard"), tmp_path, first))
        for step in steps:
            metrics.write(step, {"loss": float(first + step)})
        metrics.close()
    assert [(e.step, e.value) for e in read(tmp_path).Scalars("loss")] == [(1, 1), (2, 3), (3, 4)]


def test_auto_is_tensorboard_unless_it_is_turned_off():
    assert tracker_of(config(tensorboard=True)) == "tensorboard"
    assert tracker_of(config(tensorboard=False)) == tracker_of(config(tracker="none")) == "none"
    with pytest.raises(ConfigError, match="tracker must be one of auto, tensorboard, wandb"):
        config(tracker="aim")


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_told_with_its_extra(name: str):
    if __import__("importlib.util").util.find_spec(name):
        pytest.skip(f"{name} is installed")
    with pytest.raises(ConfigError, match=rf"pip install 'pairgen\[{name}\]'"):
        tracker_of(config(tracker=name))


def test_what_the_tracker_cannot_take_does_not_cost_the_run(tmp_path: Path, caplog):
    metrics = Metrics(tmp_path, 0, Tracking(config(tracker="tensorboard"), tmp_path, 0))
    metrics.picture(1, tmp_path / "missing.png")
    metrics.write(2, {"loss": 1.0})
    metrics.close()
    assert caplog.text.count("tracker tensorboard gets nothing more") == 1
    assert '"loss": 1.0' in (tmp_path / "metrics.jsonl").read_text()


def test_a_tracker_that_does_not_start_is_one_sentence(tmp_path: Path):
    (tmp_path / "tensorboard").write_text("a file")
    with pytest.raises(PairgenError, match=r"tracker tensorboard does not start .*tracker=none"):
        Tracking(config(tracker="tensorboard"), tmp_path, 0)


@pytest.mark.parametrize(
    ("environment", "changes"),
    [
        ({}, {}),
        ({"ACCELERATE_MIXED_PRECISION": "no", "ACCELERATE_DYNAMO_BACKEND": "no"}, {}),
        ({"ACCELERATE_MIXED_PRECISION": "no"}, {"precision": "bfloat16"}),
        ({"ACCELERATE_MIXED_PRECISION": "bf16"}, {"precision": "bfloat16"}),
        ({"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "2"}, {"accumulate": 2}),
        ({"ACCELERATE_USE_CPU": "true", "ACCELERATE_USE_FSDP": "false"}, {}),
    ],
)
def test_a_config_file_of_accelerate_is_taken(environment: dict, changes: dict):
    check_launched(environment, config(**changes))


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "distributed_type: DEEPSPEED, but pairgen trains"),
        ({"ACCELERATE_USE_FSDP": "true"}, "distributed_type: FSDP"),
        ({"ACCELERATE_DYNAMO_BACKEND": "INDUCTOR"}, "dynamo_backend: inductor"),
        ({"ACCELERATE_MIXED_PRECISION": "fp16"}, "give --precision float16, or take it out"),
        ({"ACCELERATE_MIXED_PRECISION": "fp8"}, "mixed_precision: fp8, .*float32: take it out"),
        ({"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"}, "give --accumulate 4, or take it out"),
    ],
)
def test_what_the_trainer_does_not_do_is_one_sentence(environment: dict, sentence: str):
    with pytest.raises(ConfigError, match=sentence) as caught:
        check_launched(environment, config())
    assert "\n" not in str(caught.value)

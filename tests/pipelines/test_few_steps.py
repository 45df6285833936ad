"""LADD and ADD without one of their parts, as their studies train them."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from _few_steps import (
    add_distillation_alone,
    add_random_features,
    add_random_weights,
    ladd_distillation_alone,
    ladd_random_features,
    ladd_random_weights,
)

from pairgen.errors import ConfigError
from pairgen.jobs.train.run import run_train
from pairgen.methods import add, ladd
from pairgen.methods._few_steps.game import DISCRIMINATOR
from pairgen.methods.base import STUDENT
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.config import make_train_config
from pairgen.training.runs.start import find_start, make_setup
from tests.training.conftest import OPTIONS, make_degraded, make_pairs
from tests.training.test_train import metrics
from tests.vision_models import write_dino


@pytest.fixture(scope="module")
def pairs(sd15_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs(sd15_folder, tmp_path_factory.mktemp("pairs") / "set")


@pytest.fixture
def build(pairs, one_thread):
    def build(module: ModuleType, **options: Any) -> Any:
        config = make_train_config({"method": "ladd", "data": str(pairs), **options})
        plans = (read_plan(open_store(str(pairs))),)
        start = find_start(config, plans[0])
        setup = make_setup(config, plans, start, torch.device("cpu"), 1, print)
        return module.build(setup=setup, **config.options)

    return build


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in network.parameters()])


def test_each_control_differs_in_one_part(build):
    whole = build(ladd)
    teacher = weights(whole._frozen.network)
    assert torch.equal(weights(whole._student.denoiser.network), teacher)
    student = build(ladd_random_weights)
    assert torch.equal(weights(student._frozen.network), teacher)
    assert not torch.isclose(weights(student._student.denoiser.network), teacher).all()
    features = build(ladd_random_features)
    assert torch.equal(weights(features._student.denoiser.network), teacher)
    drawn = weights(features._frozen.network)
    assert not torch.isclose(drawn, teacher).all()
    assert torch.equal(weights(build(ladd_random_features)._frozen.network), drawn)
    assert tuple(whole.players()) == (DISCRIMINATOR, STUDENT)
    assert tuple(build(ladd_distillation_alone).players()) == (STUDENT,)
    with pytest.raises(ConfigError, match="distill_weight must be 0 here, got 1"):
        build(ladd_random_features, distill_weight=1.0)


def test_distillation_alone_trains_one_player(pairs, tmp_path, one_thread):
    given = {
        **OPTIONS,
        "method": "_few_steps.ladd_distillation_alone",
        "data": str(pairs),
        "steps": 1,
    }
    run = run_train({**given, "out": str(tmp_path / "run"), "distill_weight": 2.0}, print).folder
    (line,) = metrics(run)
    assert line["student/loss"] == pytest.approx(2 * line["student/distill"])
    assert not any(name.startswith(DISCRIMINATOR) for name in line)


@pytest.fixture
def build_add(sd15_folder, tmp_path, one_thread):
    pictures = make_degraded(tmp_path / "pictures", ("bridge",))
    dino = write_dino(tmp_path / "dino")

    def build(module: ModuleType) -> Any:
        given = {"method": "add", "data": str(pictures), "model": str(sd15_folder)}
        config = make_train_config({**given, "features": str(dino), "batch_size": 8})
        plans = (read_plan(open_store(str(pictures))),)
        start = find_start(config, plans[0])
        setup = make_setup(config, plans, start, torch.device("cpu"), 1, print)
        return module.build(setup=setup, **config.options)

    return build


def test_each_control_of_add_differs_in_one_part(build_add):
    whole = build_add(add)
    teacher = weights(whole._x0_of_teacher.frozen.network)
    assert torch.equal(weights(whole._student.denoiser.network), teacher)
    student = build_add(add_random_weights)
    assert torch.equal(weights(student._x0_of_teacher.frozen.network), teacher)
    assert not torch.isclose(weights(student._student.denoiser.network), teacher).all()
    features = build_add(add_random_features)
    assert torch.equal(weights(features._student.denoiser.network), teacher)
    seen, drawn = (weights(each._discriminator.features.network) for each in (whole, features))
    assert not torch.isclose(seen, drawn).all()
    assert tuple(whole.players()) == (DISCRIMINATOR, STUDENT)
    assert tuple(build_add(add_distillation_alone).players()) == (STUDENT,)

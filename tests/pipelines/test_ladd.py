"""LADD without one of its parts, as its study trains it."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from _ladd import distillation_alone, random_features, random_weights

from pairgen.errors import ConfigError
from pairgen.jobs.train.run import run_train
from pairgen.methods import ladd
from pairgen.methods.base import STUDENT
from pairgen.methods.ladd import DISCRIMINATOR
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.store import open_store
from pairgen.training.config import make_train_config
from pairgen.training.start import find_start, make_setup
from tests.training.conftest import OPTIONS, make_pairs
from tests.training.test_train import metrics


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
    student = build(random_weights)
    assert torch.equal(weights(student._frozen.network), teacher)
    assert not torch.isclose(weights(student._student.denoiser.network), teacher).all()
    features = build(random_features)
    assert torch.equal(weights(features._student.denoiser.network), teacher)
    drawn = weights(features._frozen.network)
    assert not torch.isclose(drawn, teacher).all()
    assert torch.equal(weights(build(random_features)._frozen.network), drawn)
    assert tuple(whole.players()) == (DISCRIMINATOR, STUDENT)
    assert tuple(build(distillation_alone).players()) == (STUDENT,)
    with pytest.raises(ConfigError, match="distill_weight must be 0 here, got 1"):
        build(random_features, distill_weight=1.0)


def test_distillation_alone_trains_one_player(pairs, tmp_path, one_thread):
    given = {**OPTIONS, "method": "_ladd.distillation_alone", "data": str(pairs), "steps": 1}
    run = run_train({**given, "out": str(tmp_path / "run"), "distill_weight": 2.0}, print).folder
    (line,) = metrics(run)
    assert line["student/loss"] == pytest.approx(2 * line["student/distill"])
    assert not any(name.startswith(DISCRIMINATOR) for name in line)

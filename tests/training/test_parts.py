"""The parts of a trainer: averages, learning rates, draws, options."""

import numpy as np
import pytest
import torch
from torch import nn

from pairgen.config import packaged_configs
from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.training.config import make_train_config
from pairgen.training.loop.ema import Ema
from pairgen.training.loop.metrics import Metrics, last_figures
from pairgen.training.loop.player import learning_rate
from pairgen.training.player_options import PlayerConfig

CPU = torch.device("cpu")


def test_an_average_moves_by_its_decay_and_lends_itself():
    parameters = {"w": nn.Parameter(torch.zeros(3))}
    ema = Ema(parameters, 0.9)
    expected = 0.0
    for step in range(1, 40):
        with torch.no_grad():
            parameters["w"].fill_(float(step))
        ema.update(parameters, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    np.testing.assert_allclose(ema.averages["w"].numpy(), expected, rtol=1e-5)
    with ema.applied(parameters):
        np.testing.assert_allclose(parameters["w"].detach().numpy(), expected, rtol=1e-5)
    assert parameters["w"].tolist() == [39.0] * 3


def test_learning_rates_rise_and_fall():
    constant = PlayerConfig(lr=2.0, warmup_steps=4)
    assert [learning_rate(constant, step, 10) for step in range(6)] == [0.5, 1.0, 1.5, 2, 2, 2]
    cosine = PlayerConfig(lr=2.0, warmup_steps=2, lr_schedule="cosine")
    found = [learning_rate(cosine, step, 10) for step in range(10)]
    assert found[2] == pytest.approx(2.0)
    assert found[6] == pytest.approx(1.0)
    assert found[9] < 0.1
    assert found[2:] == sorted(found[2:], reverse=True)


def test_draws_belong_to_samples_not_to_batches():
    whole = Draws(3, 7, 0, 6, 6, CPU)
    numbers, levels = whole.normal((2, 3)), whole.uniform()
    for start, stop in ((0, 2), (2, 6)):
        part = Draws(3, 7, start, stop, 6, CPU)
        assert torch.equal(part.normal((2, 3)), numbers[start:stop])
        assert torch.equal(part.uniform(), levels[start:stop])
    other = Draws(3, 8, 0, 6, 6, CPU)
    assert not torch.equal(other.normal((2, 3)), numbers)
    many = Draws(0, 0, 0, 4000, 4000, CPU)
    normal, uniform = many.normal(()), many.uniform()
    assert abs(normal.mean()) < 0.06
    assert abs(normal.std() - 1) < 0.05
    assert abs(uniform.mean() - 0.5) < 0.02
    assert sorted(set(many.integers(2, 5).tolist())) == [2, 3, 4]


@pytest.mark.parametrize("path", sorted((packaged_configs() / "train").glob("*.yaml")))
def test_every_packaged_recipe_is_read(path):
    config = make_train_config({"method": path.stem, "data": "somewhere"})
    assert config.method == path.stem


def test_names_go_where_they_belong():
    config = make_train_config(
        {
            "method": "regression",
            "data": ["a", "b"],
            "critic.lr": 0.5,
            "distance": "mse",
            "players": {"critic": {"clip": 2}},
        }
    )
    assert config.options["distance"] == "mse"
    assert config.player("critic").lr == 0.5
    assert config.player("critic").clip == 2
    assert config.player("student").lr == config.lr == 1e-4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be an integer >= 1, got 0"),
        ({"precision": "half"}, "precision must be one of"),
        ({"betas": [0.9]}, "betas must be two numbers"),
        ({"data": ()}, "data must name at least one dataset"),
        ({"data": 3}, "data must be folders or URLs"),
        ({"critic.lrr": 1}, r"Unknown key 'lrr' in the options of the player 'critic'"),
        ({"players": 3}, "players must hold"),
        ({"lr_schedule": "cosin"}, "did you mean 'cosine'"),
        ({"ema_decay": 2}, r"ema_decay must be a number in \[0, 1\]"),
        ({"method": ""}, "method must be given"),
    ],
)
def test_a_wrong_option_is_one_sentence(options, message):
    with pytest.raises(ConfigError, match=message):
        make_train_config({"method": "regression", "data": "x", **options})


def test_a_figure_that_is_not_finite_leaves_its_line_readable(tmp_path):
    metrics = Metrics(tmp_path, 0)
    metrics.write(1, {"student/loss": 0.5, "student/grad_norm": float("inf")})
    metrics.close()
    assert last_figures(tmp_path) == {"student/loss": 0.5}

"""What every method owes to the trainer; new members are found by themselves."""

import inspect
import json
import math

import pytest

import pairgen
from pairgen import plugins
from pairgen.config import packaged_configs
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT
from pairgen.training.config import make_train_config
from pairgen.training.record import read_record
from tests.training.test_train import assert_same_gradients, tensors

NAMES = plugins.members("methods")
# Of the largest gradient of a tensor. What a discriminator learns from real and from made latents
# nearly cancels at its beginning, and rounding does not: 1.1e-5 was measured.
BOUNDS = {"diffusion2gan": 3e-5}


@pytest.fixture
def needed(request, latent_net):
    """Options that a method needs for pairs of a teacher without packaged weights."""
    name = request.getfixturevalue("name")
    parameters = inspect.signature(plugins.load("methods", name).build).parameters
    return {"perceptual": str(latent_net)} if "perceptual" in parameters else {}


def test_the_family_is_found():
    assert {"diffusion2gan", "reflow", "regression"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_options_are_keywords_with_defaults_and_the_recipe_knows_them(name):
    parameters = dict(inspect.signature(plugins.load("methods", name).build).parameters)
    assert parameters.pop("setup").kind is inspect.Parameter.KEYWORD_ONLY
    for option in parameters.values():
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not inspect.Parameter.empty
    assert (packaged_configs() / "train" / f"{name}.yaml").is_file()
    config = make_train_config({"method": name, "data": "pairs"})
    assert config.options.keys() <= parameters.keys()


@pytest.mark.parametrize("name", NAMES)
def test_micro_batches_have_the_gradient_of_the_whole_and_every_player_learns(
    name, needed, pairs, train
):
    options = {"method": name, "steps": 1, "clip": 0.0, **needed}
    whole = train(pairs, "whole", **options).folder
    parts = train(pairs, "parts", accumulate=4, **options).folder
    line = json.loads((whole / "metrics.jsonl").read_text())
    assert math.isfinite(line[f"{STUDENT}/loss"])
    assert read_record(whole).evaluations_per_sample >= EVALUATIONS_IF_TRAINED
    expected = tensors(whole)
    assert_same_gradients(tensors(parts), expected, BOUNDS.get(name, 1e-5))
    for file in {path.partition(":")[0] for path in expected if "/exp_avg" in path}:
        means = [
            each
            for path, each in expected.items()
            if path.startswith(f"{file}:") and path.endswith("/exp_avg")
        ]
        assert any(each.abs().max() > 0 for each in means), file


@pytest.mark.parametrize("name", NAMES)
def test_what_it_leaves_makes_pictures(name, needed, pairs, train, tmp_path):
    run = train(pairs, method=name, steps=1, **needed).folder
    made = pairgen.ode(
        model=str(run), prompts=str(pairs) + ".txt", out=str(tmp_path / "made"), executor="serial"
    )
    assert made.complete
    assert made.num_samples == 3

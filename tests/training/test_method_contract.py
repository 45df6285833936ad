"""What every method owes to the trainer; new members are found by themselves."""

import inspect
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pairgen
from pairgen import plugins
from pairgen.config import packaged_configs
from pairgen.kinds.image_model import load_image_model
from pairgen.kinds.image_pictures import student_pictures
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT
from pairgen.model_config import find_model
from pairgen.training.config import make_train_config
from pairgen.training.runs.record import read_record
from pairgen.training.students.image_to_image import load_shown
from tests.training.test_train import assert_same_gradients, tensors

NAMES = plugins.members("methods")
# Of the largest gradient of a tensor. What a discriminator learns from real and from made latents
# nearly cancels at its beginning, and rounding does not: 1.1e-5 was measured.
# Where osediff starts, x0 is the output times 15.
# ladd: below 1e-4.
BOUNDS = {"diffusion2gan": 3e-5, "osediff": 3e-5, "ladd": 3e-4}


@dataclass(frozen=True)
class Needed:
    """What a method is trained with here: a dataset, and options that it needs for it."""

    data: Path
    options: dict[str, Any]


@pytest.fixture
def needed(request, latent_net, pixel_net, dino, sd15_folder, train) -> Needed:
    """Pairs of a teacher without packaged weights, or of images."""
    name = request.getfixturevalue("name")
    parameters = inspect.signature(plugins.load("methods", name).build).parameters
    options: dict[str, Any] = {}
    if "features" in parameters:
        data = request.getfixturevalue("photographs")
        options = {"model": str(sd15_folder), "features": str(dino), "head_norm": "group"}
    elif learns_from_images(name):
        data = request.getfixturevalue("photographs")
        options = {"model": str(sd15_folder), "prompts": "captions", "precision": "float32"}
        if "network" in parameters:
            # Its own first stage.
            first = train(data, "first", method="yonos", steps=1, **options)
            options["network"] = str(first.folder)
        net = pixel_net
    else:
        data, net = request.getfixturevalue("pairs"), latent_net
    if "perceptual" in parameters:
        options["perceptual"] = str(net)
    return Needed(data, options)


def learns_from_images(name: str) -> bool:
    """Whether its student restores images."""
    return "scale" in inspect.signature(plugins.load("methods", name).build).parameters


def test_the_family_is_found():
    expected = {"add", "diffusion2gan", "ladd", "osediff", "reflow", "regression", "yonos"}
    assert expected <= set(NAMES)


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
def test_micro_batches_have_the_gradient_of_the_whole_and_every_player_learns(name, needed, train):
    options = {"method": name, "steps": 1, "clip": 0.0, **needed.options}
    whole = train(needed.data, "whole", **options).folder
    parts = train(needed.data, "parts", accumulate=4, **options).folder
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
def test_what_it_leaves_makes_pictures(name, needed, train, tmp_path):
    run = train(needed.data, method=name, steps=1, **needed.options).folder
    if learns_from_images(name):
        model, teacher = load_image_model(find_model(str(run)), torch.float32, torch.device("cpu"))
        shown = load_shown(run / "validation.npz")
        made = student_pictures(model, teacher, shown.given, shown.prompts, 0, [0], 1)
        assert np.concatenate(list(made)).shape == shown.targets.shape
        return
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a red heart\na blue book\na cat\n", encoding="utf-8")
    made = pairgen.ode(
        model=str(run),
        prompts=str(prompts),
        out=str(tmp_path / "made"),
        executor="serial",
    )
    assert made.complete
    assert made.num_samples == 3

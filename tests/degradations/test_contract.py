"""Every operation, a new one too: what it draws is JSON, what it applies is a pure function."""

import inspect
import json

import numpy as np
import pytest

from pairgen import plugins
from pairgen.degradations.base import Target
from pairgen.errors import ConfigError
from tests.degradations.pictures import make_picture

# Without options these contain no operation, record something for others, or find nothing to clip.
CHANGE_NOTHING = {"chain", "maybe", "one_of", "shuffled", "resize_back", "halved", "clip"}
NAMES = plugins.members("degradations")
TARGET = Target(level=4, size=(24, 20))


def generator(number: int = 0) -> np.random.Generator:
    return np.random.default_rng(number)


def test_the_family_is_found():
    assert {"jpeg", "isotropic_blur", "chain"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_draw_is_json_and_depends_on_its_generator_alone(name):
    operation = plugins.build("degradations", name)
    for number in range(20):
        draw = operation.draw(generator(number))
        assert json.loads(json.dumps(draw)) == draw
        assert operation.draw(generator(number)) == draw


@pytest.mark.parametrize("name", NAMES)
def test_apply_is_a_pure_function_that_leaves_its_image_alone(name):
    operation = plugins.build("degradations", name)
    image = make_picture()
    before = image.copy()
    for number in range(5):
        draw = operation.draw(generator(number))
        # As a record: what JSON keeps must be enough.
        recorded = json.loads(json.dumps(draw))
        once, again = operation.apply(image, draw, TARGET), operation.apply(image, recorded, TARGET)
        assert once.dtype == np.float32
        assert once.ndim == 3
        assert once.shape[2] == 3
        assert np.isfinite(once).all()
        assert once.tobytes() == again.tobytes()
        assert -0.5 < once.min() <= once.max() < 1.5
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CHANGE_NOTHING])
def test_it_moves_pixels(name):
    operation, image = plugins.build("degradations", name), make_picture()
    moved = 0
    for number in range(10):
        degraded = operation.apply(image, operation.draw(generator(number)), TARGET)
        moved += degraded.shape != image.shape or np.abs(degraded - image).max() > 1 / 255
    assert moved >= 8


@pytest.mark.parametrize("name", NAMES)
def test_other_generators_draw_other_numbers(name):
    operation = plugins.build("degradations", name)
    drawn = {json.dumps(operation.draw(generator(number))) for number in range(50)}
    fixed = {"unsharp_mask", "chain", "one_of", "shuffled", "clip"}
    assert (len(drawn) > 1) == (name not in fixed)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_one_sentence(name):
    with pytest.raises(ConfigError, match=name):
        plugins.build("degradations", name, no_such_option=1)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_default_and_is_explained(name):
    build = plugins.load("degradations", name).build
    for parameter in inspect.signature(build).parameters.values():
        assert parameter.default is not inspect.Parameter.empty
        assert f"{parameter.name}:" in build.__doc__

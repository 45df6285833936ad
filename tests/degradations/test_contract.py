"""Every operation, a new one too: what it draws is JSON, what it applies is a pure function."""

import copy
import json
import pickle

import numpy as np
import pytest

from pairgen import plugins
from pairgen.degradations.base import Operation, Target
from pairgen.errors import ConfigError
from pairgen.options import declared
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
    assert issubclass(build, Operation)
    for each in declared(build):
        assert not each.required
        assert each.option.help.endswith(".")
        assert build.check(each.name, each.default) == each.default
    assert plugins.option_names("degradations", name) == list(build.model_fields)


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_is_its_options_and_copies_draw_the_same(name):
    operation = plugins.build("degradations", name)
    assert operation.plain() == plugins.build("degradations", name, **operation.plain()).plain()
    for copied in (copy.deepcopy(operation), pickle.loads(pickle.dumps(operation))):
        assert copied.draw(generator()) == operation.draw(generator())
    with pytest.raises(ConfigError, match="no_such_option"):
        type(operation)(no_such_option=1)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("isotropic_blur", {"kernel_sizes": 7}, "kernel_sizes must be odd whole numbers from 1"),
        ("isotropic_blur", {"kernel_sizes": [True]}, "kernel_sizes must be odd whole numbers"),
        (
            "isotropic_blur",
            {"sigma": [0, 1]},
            r"sigma must be \[low, high\], .* at least 0.01",
        ),
        ("plateau_blur", {"isotropic": "no"}, "isotropic must be true or false, got 'no'"),
        ("plateau_blur", {"beta": [2, 3]}, r"beta must be a range around 1, got \[2, 3\]"),
        ("sinc_filter", {"lowest_cutoff": 4}, r"A lowest cutoff must be in \(0, pi\], got 4"),
        ("unsharp_mask", {"radius": 2.5}, "radius must be a whole number from 1 to 100, got 2.5"),
        ("unsharp_mask", {"threshold": 256}, r"threshold must be a number in \[0, 255\], got 256"),
        ("resize", {"modes": 3}, "modes must be some of area, .*, got 3"),
        ("resize", {"up": 0.5}, r"Probabilities must sum to 1, got 0.5 \+ 0.7 \+ 0.1"),
        ("halved", {"levels": 4}, "levels must be some of 2, 4, 8, 16, got 4"),
        ("maybe", {"operations": "jpeg"}, "operations must be a list, got 'jpeg'"),
        ("maybe", {"operations": ["clip", "jpg"]}, "operation 2: There is no degradation 'jpg'"),
        ("one_of", {"choices": 3}, "choices must be a list, got 3"),
        ("shuffled", {"groups": [3]}, "operations must be a list, got 3"),
        ("shuffled", {"in_order": 3}, "in_order must be a list of numbers, got 3"),
        ("shuffled", {"groups": [[]], "in_order": ["x"]}, "in_order must name groups from 0 to 0"),
    ],
)
def test_a_wrong_option_is_one_sentence(name, options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        plugins.build("degradations", name, **options)
    assert "\n" not in str(caught.value)

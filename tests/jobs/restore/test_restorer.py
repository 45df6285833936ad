"""Arrays in, arrays out: sizes, channels, bits, tiles, and the same as in `eval`."""

from pathlib import Path

import numpy as np
import pytest
import torch

import pairgen
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.jobs.restore.pixels import picture_index, reflected
from pairgen.jobs.restore.restorer import Restorer
from pairgen.kinds.image_model import load_image_model
from pairgen.kinds.image_pictures import student_pictures
from pairgen.model_config import find_model
from tests.jobs.restore.conftest import write_student

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")


def noise_picture(*shape: int, dtype=np.uint8, seed: int = 0) -> np.ndarray:
    highest = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, highest, shape, dtype, endpoint=True)


@pytest.fixture(scope="module")
def restorer(student: Path) -> Restorer:
    return pairgen.Restorer(student, tile=8, overlap=4, vae_tile=8, vae_overlap=4)


@pytest.mark.parametrize("shape", [(3, 17, 3), (17, 3), (1, 1, 4), (5, 2, 2), (7, 9, 1), (2, 31)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_size_comes_out_exactly_scale_times_as_large(restorer, shape, dtype):
    made = restorer(noise_picture(*shape, dtype=dtype))
    height, width, *channels = shape
    assert made.shape == (4 * height, 4 * width, *channels) and made.dtype == dtype


@pytest.mark.parametrize("scale", [1, 3])
def test_other_scales_are_those_of_the_enlarged_image(student, scale):
    made = Restorer(student, scale=scale)(noise_picture(5, 7, 3))
    assert made.shape == (5 * scale, 7 * scale, 3)


def test_untiled_it_makes_what_eval_judges(student):
    restorer = Restorer(student, color_fix="none", seed=3)
    picture = noise_picture(6, 4, 3)
    model, teacher = load_image_model(find_model(str(student)), torch.float32, CPU)
    (expected,) = student_pictures(
        model, teacher, picture[None], [""], 3, [picture_index(picture)], 1
    )
    difference = restorer(picture).astype(int) - expected[0]
    assert np.abs(difference).max() <= 1 and (difference == 0).mean() > 0.99


def test_one_tile_that_is_large_enough_changes_nothing(student):
    picture = noise_picture(8, 8, 3)
    whole = Restorer(student, tile=0, vae_tile=0)(picture)
    assert np.array_equal(Restorer(student, tile=16, vae_tile=16)(picture), whole)
    assert not np.array_equal(Restorer(student, tile=8, overlap=4, vae_tile=0)(picture), whole)
    assert not np.array_equal(Restorer(student, tile=0, vae_tile=8, vae_overlap=4)(picture), whole)


def test_a_picture_depends_on_itself_its_prompt_and_the_seed(student, restorer):
    picture, other = noise_picture(8, 8, 3), noise_picture(8, 8, 3, seed=1)
    first = restorer(picture)
    restorer(other, prompt="a cat")
    assert np.array_equal(restorer(picture), first)
    assert np.array_equal(restorer(np.asfortranarray(picture)), first)
    assert not np.array_equal(restorer(picture, prompt="a red heart on a blue book"), first)
    tiles = {"tile": 8, "overlap": 4, "vae_tile": 8, "vae_overlap": 4}
    assert not np.array_equal(Restorer(student, **tiles, seed=1)(picture), first)
    # Several tiles at once, but for rounding.
    batches = Restorer(student, **tiles, batch_size=3)(picture).astype(int)
    assert np.abs(batches - first).max() <= 1


def test_gray_stays_gray_and_alpha_is_enlarged(restorer):
    gray = noise_picture(6, 6)
    made = restorer(gray)
    assert made.shape == (24, 24)
    planes = np.stack([gray, np.full_like(gray, 255)], axis=2)
    made = restorer(planes)
    assert (made[..., 1] == 255).all()
    colored = np.dstack([noise_picture(6, 6, 3), np.tile(np.uint8([0, 255]), (6, 3))])
    alpha = restorer(colored)[..., 3]
    assert alpha.min() == 0 and alpha.max() == 255 and 100 < alpha.mean() < 155


def test_sixteen_bits_are_kept(restorer):
    deep = noise_picture(6, 6, 3, dtype=np.uint16)
    made = restorer(deep)
    assert len(np.unique(made)) > 500
    shallow = (np.round(deep / 257)).astype(np.uint8)
    # Other noises: another picture.
    assert picture_index(deep) != picture_index(shallow)


def test_reflection_repeats_no_border():
    assert reflected(4, 9).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert reflected(2, 5).tolist() == [0, 1, 0, 1, 0]
    assert reflected(1, 3).tolist() == [0, 0, 0]


def test_what_is_no_picture_and_what_does_not_restore_is_refused(student, tmp_path, sd15_folder):
    restorer = Restorer(student)
    for wrong in (np.zeros((4, 4, 5), np.uint8), np.zeros((4, 4)), np.zeros((0, 4), np.uint8)):
        with pytest.raises(ConfigError, match=r"A picture must be an array \[H, W\]"):
            restorer(wrong)
    with pytest.raises(ConfigError, match="overlap must be below tile, 8, got 8"):
        Restorer(student, tile=8, overlap=8)
    with pytest.raises(ConfigError, match="color_fix must be one of adain, wavelet, blend, none"):
        Restorer(student, color_fix="nofix")
    with pytest.raises(ConfigError, match="makes images from text, not from images"):
        Restorer("tiny")
    with pytest.raises(TeacherLoadError, match="is not a model in diffusers layout"):
        Restorer(tmp_path)
    edges = write_student(tmp_path / "edges", sd15_folder, kind="conditional")
    with pytest.raises(ConfigError, match="edges does not restore"):
        Restorer(edges)

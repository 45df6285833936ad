"""Students that see the picture by a condition branch: tiles of it, and the same as in `eval`."""

import numpy as np
import pytest
import torch

from pairgen.errors import ConfigError
from pairgen.jobs.restore.pixels import picture_index
from pairgen.jobs.restore.restorer import Restorer
from pairgen.kinds.image_model import load_image_model
from pairgen.kinds.image_pictures import student_pictures
from pairgen.kinds.image_student import draw_latent_noises, sample_latents
from pairgen.kinds.image_tiles import StudentTiles, make_in_tiles
from pairgen.model_config import find_model
from pairgen.sampling.condition import as_condition
from pairgen.sampling.tiles import Tiling
from tests.branches import write_branch
from tests.jobs.restore.conftest import BY_BRANCH, write_student
from tests.jobs.restore.test_restorer import noise_picture

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")
TILES = {"tile": 8, "overlap": 4, "vae_tile": 8, "vae_overlap": 4}


def test_untiled_it_makes_what_eval_judges(branch_student):
    restorer = Restorer(branch_student, color_fix="none", seed=3)
    picture = noise_picture(6, 4, 3)
    model, teacher = load_image_model(find_model(str(branch_student)), torch.float32, CPU)
    (expected,) = student_pictures(
        model, teacher, picture[None], [""], 3, [picture_index(picture)], 1
    )
    difference = restorer(picture).astype(int) - expected[0]
    assert np.abs(difference).max() <= 1 and (difference == 0).mean() > 0.99


def test_each_tile_of_the_network_sees_its_own_part_of_the_picture(branch_student):
    model, teacher = load_image_model(find_model(str(branch_student)), torch.float32, CPU)
    # 32 x 48 px: 16 x 24 latents, in six tiles of 8 that share nothing.
    given = torch.rand((1, 3, 32, 48), generator=torch.Generator().manual_seed(1)) * 2 - 1
    prompt = teacher.encode_prompts(["a cat"])
    noises = draw_latent_noises(model.recipe, 0, [1], (4, 16, 24), CPU)
    made = make_in_tiles(model, given, prompt, noises, StudentTiles(network=Tiling(8, 0)))
    latent = torch.zeros_like(noises.start)
    for tile in Tiling(8, 0).tiles((16, 24)):
        shown = prompt.with_condition(as_condition(tile.of(given, 2)))
        tile.of(latent).copy_(sample_latents(model, None, shown, tile.of(noises.start)))
    assert torch.equal(made, model.autoencoder.decode(latent))
    # And the picture has an effect.
    other = make_in_tiles(model, -given, prompt, noises, StudentTiles(network=Tiling(8, 0)))
    assert (other - made).abs().mean() > 0.02


def test_one_tile_that_is_large_enough_changes_nothing(branch_student):
    picture = noise_picture(8, 8, 3)
    whole = Restorer(branch_student, tile=0, vae_tile=0)(picture)
    assert np.array_equal(Restorer(branch_student, tile=16, vae_tile=16)(picture), whole)
    assert not np.array_equal(Restorer(branch_student, **TILES)(picture), whole)


def test_tiles_change_as_little_as_those_of_a_student_that_is_given_latents(
    branch_student, sd15_folder, tmp_path
):
    """Of both, the untiled picture and one tile that lacks no neighbour of its middle."""
    picture = noise_picture(16, 16, 3)

    def changed(student) -> float:
        made = [
            Restorer(student, color_fix="none", vae_tile=0, tile=tile, overlap=overlap)(picture)
            for tile, overlap in ((0, 0), (24, 16))
        ]
        whole, tiled = (each.astype(float) for each in made)
        return float(np.sqrt(np.mean((whole - tiled) ** 2)) / whole.std())

    at_image = write_student(tmp_path / "at-image", sd15_folder, posterior="mean")
    assert changed(branch_student) < 2 * changed(at_image)


@pytest.mark.parametrize("shape", [(3, 17, 4), (5, 2, 2), (1, 1), (7, 9, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_size_channels_and_bits_are_those_of_every_student(branch_student, shape, dtype):
    restorer = Restorer(branch_student, **TILES)
    picture = noise_picture(*shape, dtype=dtype)
    made = restorer(picture)
    height, width, *channels = shape
    assert made.shape == (4 * height, 4 * width, *channels) and made.dtype == dtype
    assert restorer.noise(picture).shape[0] == 4


def test_it_takes_other_numbers_of_steps(branch_student):
    picture = noise_picture(3, 4, 3)
    asked = ({}, {"steps": 2}, {"steps": 1}, {"steps": 4})
    made = [Restorer(branch_student, **each)(picture) for each in asked]
    assert np.array_equal(made[0], made[1])
    assert len({each.tobytes() for each in made}) == 3


def test_students_that_paint_are_refused(sd15_folder, tmp_path):
    branch = write_branch(tmp_path / "branch", sd15_folder, channels=4)
    recipe = {**BY_BRANCH, "source": "png", "scale": 1, "mask": "mask.png"}
    painter = write_student(tmp_path / "painter", sd15_folder, branch_of=branch, **recipe)
    words = "painter does not restore: it paints .* mask.png .* pairgen sample --condition"
    with pytest.raises(ConfigError, match=words):
        Restorer(painter)

"""Students in tiles: where no tile sees its neighbours, nothing changes, however many steps."""

import pytest
import torch

from pairgen.image_recipe import ImageRecipe
from pairgen.kinds.image_sampling import ImageSampling
from pairgen.kinds.image_student import ImageModel, draw_latent_noises
from pairgen.kinds.image_tiles import StudentTiles, make_in_tiles
from pairgen.sampling.conditioning import IMAGE_LATENT, Conditioning
from pairgen.sampling.parameterization import FlowSchedule, to_x0_eps
from pairgen.sampling.tiles import Tiling
from pairgen.teachers._pretrained.pixel_model import PixelAutoencoder

CPU = torch.device("cpu")
ONE_STEP = {"steps": 1, "solver": "ddim", "spacing": "600", "end": "clean"}
THREE_STEPS = {"steps": 3, "solver": "heun", "spacing": "900,500,100", "end": "clean", "cfg": 2.0}


def pointwise_student(shapes: list, *, start: str, sampling: dict) -> ImageModel:
    """A student whose network looks at one position at a time; it notes what it is given."""
    schedule = FlowSchedule()

    def predict(x, t, conditioning, guidance):
        shapes.append(tuple(x.shape))
        assert len(x) == len(t) == len(conditioning)
        image = conditioning.tensors.get(IMAGE_LATENT, x)
        weight = 1 if guidance is None else guidance.view(-1, 1, 1, 1)
        prompt = conditioning.tensors["txt_emb"].mean((1, 2)).view(-1, 1, 1, 1)
        output = torch.tanh(x + image) * weight + prompt
        alpha, sigma = (each.float().view(-1, 1, 1, 1) for each in schedule.alpha_sigma(t))
        return to_x0_eps("flow", output, x, alpha, sigma)

    recipe = ImageRecipe(
        kind="restoration",
        source="lr4.png",
        start=start,
        concat=start == "noise",
        posterior="sample",
    )
    return ImageModel(
        predict=predict,
        schedule=schedule,
        autoencoder=PixelAutoencoder(3),
        recipe=recipe,
        sampling=ImageSampling(**sampling),
    )


@pytest.mark.parametrize("start", ["image", "noise"])
@pytest.mark.parametrize("sampling", [ONE_STEP, THREE_STEPS], ids=["one", "three"])
def test_tiles_change_nothing_where_none_sees_its_neighbours(start, sampling):
    shapes: list = []
    model = pointwise_student(shapes, start=start, sampling=sampling)
    given = torch.rand(1, 3, 21, 13, generator=torch.Generator().manual_seed(0)) * 2 - 1
    prompt = Conditioning({"txt_emb": torch.full((1, 2, 2), 0.1)})
    noises = draw_latent_noises(model.recipe, 1, [2], (3, 21, 13), CPU)
    whole = make_in_tiles(model, given, prompt, noises, StudentTiles())
    assert set(shapes) == {(1, 3, 21, 13)}
    shapes.clear()
    tiles = StudentTiles(network=Tiling(8, 3), autoencoder=Tiling(6, 2), at_once=3)
    made = make_in_tiles(model, given, prompt, noises, tiles)
    # Four rows of two tiles, three at once, at each evaluation.
    assert set(shapes) == {(3, 3, 8, 8), (2, 3, 8, 8)}
    torch.testing.assert_close(made, whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("at_once", [1, 4])
def test_each_tile_may_have_a_prompt_of_its_own(at_once):
    model = pointwise_student([], start="noise", sampling=THREE_STEPS)
    given = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    noises = draw_latent_noises(model.recipe, 1, [2], (3, 16, 24), CPU)
    tiles = StudentTiles(network=Tiling(8, 0), at_once=at_once)
    prompts = torch.linspace(-0.2, 0.3, 6)[:, None, None].expand(6, 2, 2)
    made = make_in_tiles(model, given, Conditioning({"txt_emb": prompts}), noises, tiles)
    places = tiles.network.tiles((16, 24))
    assert [(tile.rows.start, tile.columns.start) for tile in places] == [
        (row, column) for row in (0, 8) for column in (0, 8, 16)
    ]
    for tile, prompt in zip(places, prompts, strict=True):
        alone = Conditioning({"txt_emb": prompt[None]})
        whole = make_in_tiles(model, given, alone, noises, StudentTiles())
        torch.testing.assert_close(tile.of(made), tile.of(whole), rtol=1e-5, atol=1e-5)

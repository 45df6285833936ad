"""Run an image student tile by tile, so that its activations take the memory of a tile.

VAE and network have tiles of their own. The network's are blended at each evaluation: x0 and eps
are linear in its output, so this equals blending the output. The noises belong to the picture, and
tiles that overlap see the same ones. Each tile of the network may have a prompt of its own. A
condition branch sees its tile of the given image, in pixels; that image is not encoded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pairgen.kinds.image_student import ImageModel, Noises, Predict, sample_latents
from pairgen.sampling.condition import as_condition
from pairgen.sampling.conditioning import IMAGE_LATENT, Conditioning
from pairgen.sampling.tiles import WHOLE, Tile, Tiling, blended


@dataclass(frozen=True, kw_only=True)
class StudentTiles:
    """The tiles of an image student.

    Attributes:
        network: Tiles of its network.
        autoencoder: Tiles of its VAE.
        at_once: Tiles that the network sees at once.
    """

    network: Tiling = WHOLE
    autoencoder: Tiling = WHOLE
    at_once: int = 1


@torch.no_grad()
def make_in_tiles(
    model: ImageModel,
    given: Tensor,
    conditioning: Conditioning,
    noises: Noises,
    tiles: StudentTiles,
) -> Tensor:
    """Make an image from an image.

    Args:
        model: The student.
        given: The given image, enlarged, [1, 3, H, W] in [-1, 1]; on the CPU if it is large. Height
            and width are multiples of the VAE's factor.
        conditioning: The prompt's conditioning, one row, or one row for each tile of the network,
            row by row of the tiles; on the model's device.
        noises: From `draw_latent_noises`, on the model's device.
        tiles: The tiles.

    Returns:
        The image, [1, 3, H, W] float32 around [-1, 1], where `given` is.
    """
    autoencoder, factor = model.autoencoder, model.autoencoder.factor
    device = next(iter(conditioning.tensors.values())).device
    height, width = given.shape[-2:]
    size = (height // factor, width // factor)

    def encode(places: Sequence[Tile]) -> Iterator[Tensor]:
        for tile in places:
            noise = None if noises.posterior is None else tile.of(noises.posterior)
            yield autoencoder.encode(tile.of(given, factor).to(device), noise).float()

    def decode(places: Sequence[Tile]) -> Iterator[Tensor]:
        for tile in places:
            yield autoencoder.decode(tile.of(made))

    def condition(tile: Tile) -> Tensor:
        # A tile at a time: the picture may be large, and stays where it is.
        return as_condition(tile.of(given, factor).to(device))

    latent, shown = None, None
    if model.recipe.branch:
        shown = condition
    else:
        latent = blended(encode, size, tiles.autoencoder, device=device)
    in_tiles = replace(model, predict=_in_tiles(model.predict, tiles, conditioning, shown))
    made = sample_latents(in_tiles, latent, conditioning[:1], noises.start)
    return blended(decode, size, tiles.autoencoder, device=given.device, factor=factor)


def _in_tiles(
    predict: Predict,
    tiles: StudentTiles,
    prompts: Conditioning,
    shown: Callable[[Tile], Tensor] | None,
) -> Predict:
    """Return a function like `predict` that computes tile by tile.

    Args:
        predict: The network.
        tiles: The tiles.
        prompts: The prompt's conditioning, or that of each tile's own prompt.
        shown: Returns the condition of a tile; None for a network without a branch.
    """

    def predict_in_tiles(
        x: Tensor, t: Tensor, conditioning: Conditioning, guidance: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        height, width = x.shape[-2:]
        numbers = {tile: n for n, tile in enumerate(tiles.network.tiles((height, width)))}
        assert len(prompts) in (1, len(numbers))
        image = conditioning.tensors.get(IMAGE_LATENT)

        def part(tile: Tile) -> Conditioning:
            own = prompts if len(prompts) == 1 else prompts[[numbers[tile]]]
            if shown is not None:
                return own.with_condition(shown(tile))
            return own if image is None else own.with_image(tile.of(image))

        def make(places: Sequence[Tile]) -> Iterator[Tensor]:
            num = len(places)
            x0, eps = predict(
                torch.cat([tile.of(x) for tile in places]),
                t.repeat(num),
                Conditioning.cat([part(tile) for tile in places]),
                None if guidance is None else guidance.repeat(num),
            )
            yield from torch.cat([x0, eps], dim=1).split(len(x))

        both = blended(make, (height, width), tiles.network, device=x.device, at_once=tiles.at_once)
        x0, eps = both.chunk(2, dim=1)
        return x0, eps

    return predict_in_tiles

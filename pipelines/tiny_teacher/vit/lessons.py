"""What the tiny ViT learns from: painted pictures, degraded in a rectangle, and all it must say."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from batches import SIZE
from torch import Tensor
from train_perceptual import labels_of, load_teacher, to_inputs, to_levels

from pairgen.networks.latent_vgg import LatentVgg
from pairgen.networks.lpips_file import load_lpips
from pairgen.sources.painted.compositions import (
    BACKGROUNDS,
    STYLES,
    Composition,
    draw_where,
)
from pairgen.sources.painted.painter import paint
from pairgen.sources.painted.scene import draw_scene
from vit.degrade import (
    Levels,
    Rectangle,
    degrade,
    draw_rectangles,
    patch_kinds,
    patch_means,
)

# A thing has its own colours, or that of a paint or a silhouette.
COLOURS = (None, *BACKGROUNDS)


class Lesson(NamedTuple):
    """B pictures and what is true of them.

    Attributes:
        pictures: [B, 3, 64, 64] in [-1, 1], of 8 bits.
        concept: Number of the thing, [B].
        style: Place in `STYLES`, [B].
        colour: Place in `COLOURS`, [B].
        background: Place in `BACKGROUNDS`, [B].
        coverage: Share of each patch that the thing covers, [B, 8, 8] in [0, 1].
        kinds: What was done to each patch, [B, 8, 8]; see `patch_kinds`.
    """

    pictures: Tensor
    concept: Tensor
    style: Tensor
    colour: Tensor
    background: Tensor
    coverage: Tensor
    kinds: Tensor


class Teachers:
    """The networks that lessons are made by: the tiny VAE, and the packaged VGG of pictures."""

    def __init__(self) -> None:
        self.autoencoder = load_teacher()
        location = "package:assets/perceptual/tiny_pixel.safetensors"
        vgg = load_lpips(location, 3, torch.device("cpu")).net.eval().requires_grad_(False)
        self.vgg: LatentVgg = vgg.to(memory_format=torch.channels_last)

    @torch.no_grad()
    def reconstruct(self, pictures: Levels, generator: np.random.Generator) -> Levels:
        """Encode and decode pictures [N, 64, 64, 3]."""
        drawn = torch.Generator().manual_seed(int(generator.integers(2**31)))
        latents = self.autoencoder.encode(to_inputs(to_levels(pictures)), drawn)
        decoded = (self.autoencoder.decode(latents) + 1) * 127.5
        return decoded.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()

    @torch.no_grad()
    def features(self, pictures: Tensor) -> list[Tensor]:
        """Return the VGG's three deepest maps: [B, 48, 8, 8], [B, 96, 4, 4], [B, 96, 2, 2]."""
        return self.vgg(pictures.contiguous(memory_format=torch.channels_last))[2:]


def make_lesson(
    num: int,
    generator: np.random.Generator,
    reconstruct: Callable[[Levels, np.random.Generator], Levels],
    *,
    num_versions: int = 1,
    held_out: bool = False,
    intact: bool = False,
) -> Lesson:
    """Paint a lesson.

    Args:
        num: Number of pictures, a multiple of the number of versions.
        generator: Of everything.
        reconstruct: The VAE, as for `degrade`.
        num_versions: Number of pictures of one scene, degraded at one place in different ways.
        held_out: Whether to show held-out compositions only, else none of them.
        intact: Whether to degrade none.
    """
    shown = draw_compositions(num // num_versions, generator, held_out=held_out)
    painted = [paint(draw_scene(each, generator), SIZE) for each in shown]
    pictures = np.stack([each.picture for each in painted])
    masks = np.stack([each.mask[..., 0] for each in painted])
    rectangles = draw_rectangles(len(shown), generator, num_versions)
    if intact:
        rectangles = [each._replace(kind=0) for each in rectangles]
    pictures, masks = (each.repeat(num_versions, axis=0) for each in (pictures, masks))
    shown = [each for each in shown for _ in range(num_versions)]
    return assemble(shown, pictures, masks, rectangles, reconstruct, generator)


def draw_compositions(
    num: int, generator: np.random.Generator, *, held_out: bool
) -> list[Composition]:
    """Draw what to show, as all trainings here do: only held-out compositions, or none of them."""
    return [draw_where(generator, lambda each: each.held_out == held_out) for _ in range(num)]


def assemble(
    shown: list[Composition],
    pictures: Levels,
    masks: Levels,
    rectangles: list[Rectangle],
    reconstruct: Callable[[Levels, np.random.Generator], Levels],
    generator: np.random.Generator,
) -> Lesson:
    """Degrade pictures [B, 64, 64, 3] and say what is true of them; masks are [B, 64, 64]."""
    degraded = degrade(pictures, rectangles, reconstruct, generator)
    return Lesson(
        to_inputs(to_levels(degraded)),
        labels_of(shown),
        torch.tensor([STYLES.index(each.style) for each in shown]),
        torch.tensor([COLOURS.index(each.colour) for each in shown]),
        torch.tensor([BACKGROUNDS.index(each.background) for each in shown]),
        torch.from_numpy(patch_means(masks / 255)).float(),
        torch.from_numpy(patch_kinds(pictures, degraded, rectangles)),
    )

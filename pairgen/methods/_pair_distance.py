"""Distances between a student's latents and the teacher's end points, by name."""

from collections.abc import Callable
from typing import Annotated, Any

import torch
from torch import Tensor

from pairgen.config import choice
from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.list_rules import one_or_several
from pairgen.losses.distances import mse, pseudo_huber
from pairgen.losses.latent_augmentation import GROUPS, augment, draw_augmentation
from pairgen.losses.resampling import CENTRES
from pairgen.methods.base import Setup
from pairgen.networks.lpips_file import load_lpips
from pairgen.options import Option, Options
from pairgen.rules import Checked, Choice, Integer, Place

DISTANCES = ("mse", "pseudo_huber", "lpips", "latent_lpips", "e_latent_lpips")
PICTURE_CHANNELS = 3
MAX_AUGMENTATIONS = 64
# Maps the student's latents [B, C, H, W], the target latents and draws to a scalar.
PairDistance = Callable[[Tensor, Tensor, Draws], Tensor]


def _groups(name: str, value: Any) -> tuple[str, ...]:
    """Return the groups of a list, or of comma-separated text."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        got = "nothing" if names in (None, [], ()) else repr(value)
        raise ConfigError(f"{name} must name one or more of {', '.join(GROUPS)}, got {got}.")
    groups = tuple(choice(name, str(each).strip(), GROUPS) for each in names)
    if len(set(groups)) < len(groups):
        raise ConfigError(f"{name} names a group twice: {', '.join(groups)}.")
    return groups


class DistanceOptions(Options):
    """The distance that a student is trained with."""

    distance: Annotated[
        str,
        Choice(DISTANCES),
        Option(
            "Distance to the end point: between latents (mse, pseudo_huber), between decoded "
            "images (lpips), by a perceptual network on latents (latent_lpips), or by that "
            "network with the same augmentation on both latents (e_latent_lpips)."
        ),
    ] = "e_latent_lpips"
    perceptual: Annotated[
        str,
        Place(),
        Option(
            "Weights of the perceptual network: a file from `pairgen train latent-lpips`, or the "
            "authors' file.",
            metavar="FILE",
            default="those packaged for the teacher's VAE",
        ),
    ] = ""
    augmentations: Annotated[
        tuple[str, ...],
        Checked(
            _groups,
            one_or_several({"enum": list(GROUPS)}, as_text=True),
            "str | Sequence[str]",
        ),
        Option("Augmentations that e_latent_lpips applies."),
    ] = GROUPS
    filter_centre: Annotated[
        str,
        Choice(tuple(CENTRES)),
        Option(
            "Center of the filter that resamples augmented latents: its center of mass "
            "(unbiased), or tap 5 (published), as in the authors' package, which also resamples "
            "for blit without geometry."
        ),
    ] = "unbiased"
    num_augmentations: Annotated[
        int,
        Integer(1, MAX_AUGMENTATIONS),
        Option("Augmentations per sample and step; e_latent_lpips averages over them."),
    ] = 1


def make_distance(setup: Setup, options: DistanceOptions) -> PairDistance:
    """Return a function that computes a distance, averaged over the batch.

    Raises:
        ConfigError: The weights do not exist.

    Reference:
        Kang et al. 2024 (Diffusion2GAN), arXiv:2405.05967: E-LatentLPIPS is the expectation of
        LatentLPIPS over a random transformation of both latents, here a mean over draws.
    """
    distance = options.distance
    if distance == "mse":
        return lambda made, target, _: mse(made, target)
    if distance == "pseudo_huber":
        return lambda made, target, _: pseudo_huber(made, target)
    in_pictures = distance == "lpips"
    channels = PICTURE_CHANNELS if in_pictures else setup.teacher.latent_shape[0]
    net = load_lpips(setup.perceptual_net(options.perceptual, channels), channels, setup.device)
    if in_pictures:

        def decode(latents: Tensor) -> Tensor:
            return setup.teacher.features(latents)[-1]

        return lambda made, target, _: net(decode(made), decode(target)).mean()
    if distance == "latent_lpips":
        return lambda made, target, _: net(made, target).mean()

    def under_one(made: Tensor, target: Tensor, draws: Draws) -> Tensor:
        augmentation = draw_augmentation(draws, options.augmentations)
        augmented = [augment(each, augmentation, options.filter_centre) for each in (made, target)]
        return net(*augmented).mean()

    def e_latent_lpips(made: Tensor, target: Tensor, draws: Draws) -> Tensor:
        found = [under_one(made, target, draws) for _ in range(options.num_augmentations)]
        return torch.stack(found).mean()

    return e_latent_lpips

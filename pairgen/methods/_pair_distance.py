"""How far what a student made lies from what it should have made, by name."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pairgen.config import choice, integer, text
from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.distances import mse, pseudo_huber
from pairgen.losses.latent_augmentation import GROUPS, augment, draw_augmentation
from pairgen.methods.base import Setup
from pairgen.networks.lpips_file import load_lpips

DISTANCES = ("mse", "pseudo_huber", "lpips", "latent_lpips", "e_latent_lpips")
PICTURE_CHANNELS = 3
MAX_AUGMENTATIONS = 64
# Latents that were made, [B, C, H, W], and should have been made; draws: to a scalar.
PairDistance = Callable[[Tensor, Tensor, Draws], Tensor]


def make_distance(
    setup: Setup,
    distance: str,
    perceptual: str,
    augmentations: str | Sequence[str],
    num_augmentations: int,
) -> PairDistance:
    """Return a distance, its mean over the batch.

    Args:
        setup: Of the method.
        distance: `mse` or `pseudo_huber` of latents; `lpips` of decoded pictures; `latent_lpips`;
            or `e_latent_lpips`, where both latents are augmented alike.
        perceptual: Weights of the perceptual net; empty for those that belong to the teacher's VAE.
        augmentations: Groups of E-LatentLPIPS.
        num_augmentations: Draws of them for a sample and step, whose distances are averaged.

    Raises:
        ConfigError: A name is not known, or there are no such weights.

    Reference:
        Kang et al. 2024 (Diffusion2GAN), arXiv:2405.05967: E-LatentLPIPS is the expectation of
        LatentLPIPS over one random transformation of both latents, here a mean over draws.
    """
    choice("distance", distance, DISTANCES)
    perceptual = text("perceptual", perceptual)
    groups = _groups(augmentations)
    num_augmentations = integer("num_augmentations", num_augmentations, 1, MAX_AUGMENTATIONS)
    if distance == "mse":
        return lambda made, target, _: mse(made, target)
    if distance == "pseudo_huber":
        return lambda made, target, _: pseudo_huber(made, target)
    in_pictures = distance == "lpips"
    channels = PICTURE_CHANNELS if in_pictures else setup.teacher.latent_shape[0]
    net = load_lpips(setup.perceptual_net(perceptual, channels), channels, setup.device)
    if in_pictures:

        def decode(latents: Tensor) -> Tensor:
            return setup.teacher.features(latents)[-1]

        return lambda made, target, _: net(decode(made), decode(target)).mean()
    if distance == "latent_lpips":
        return lambda made, target, _: net(made, target).mean()

    def under_one(made: Tensor, target: Tensor, draws: Draws) -> Tensor:
        augmentation = draw_augmentation(draws, groups)
        return net(augment(made, augmentation), augment(target, augmentation)).mean()

    def e_latent_lpips(made: Tensor, target: Tensor, draws: Draws) -> Tensor:
        found = [under_one(made, target, draws) for _ in range(num_augmentations)]
        return torch.stack(found).mean()

    return e_latent_lpips


def _groups(augmentations: str | Sequence[str]) -> tuple[str, ...]:
    """Return groups that were given as a list, or as text with commas."""
    names = augmentations.split(",") if isinstance(augmentations, str) else augmentations
    if not isinstance(names, list | tuple) or not names:
        got = "nothing" if names in (None, [], ()) else repr(augmentations)
        raise ConfigError(f"augmentations must name one or more of {', '.join(GROUPS)}, got {got}.")
    groups = tuple(choice("augmentations", str(name).strip(), GROUPS) for name in names)
    if len(set(groups)) < len(groups):
        raise ConfigError(f"augmentations names a group twice: {', '.join(groups)}.")
    return groups

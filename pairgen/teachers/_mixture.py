"""A mixture of Gaussians on Stable Diffusion's schedule, and its exact ODE."""

import zlib
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pairgen.config import check_keys, field_names, integer, number
from pairgen.errors import ConfigError
from pairgen.sampling.parameterization import DiscreteSchedule

MAX_PROMPT_TOKENS = 77
# Samples are keyed with indices below 2^63, so no sample's noise comes from this key.
MEANS_KEY = 2**63


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """The data distribution.

    Attributes:
        latent_shape: [C, H, W].
        num_modes: Gaussians in the mixture.
        num_classes: A prompt's hash picks one of these; class c holds the modes k with
            k % num_classes = c.
        mode_std: Standard deviation of every mode, s.
        mean_std: Standard deviation of the entries of the modes' means.
        seed: Of the means.
    """

    latent_shape: tuple[int, int, int] = (1, 16, 16)
    num_modes: int = 24
    num_classes: int = 12
    mode_std: float = 0.5
    mean_std: float = 0.6
    seed: int = 0


def make_mixture(options: dict[str, Any]) -> Mixture:
    """Check the options of a mixture.

    Raises:
        ConfigError: An option is unknown or its value is not allowed.
    """
    check_keys(options, field_names(Mixture), "the options of the gaussian teacher")
    given = asdict(Mixture()) | options
    shape = given["latent_shape"]
    if not isinstance(shape, list | tuple) or len(shape) != 3:
        raise ConfigError(f"latent_shape must be three integers, got {shape!r}.")
    channels, height, width = (integer("latent_shape", size, 1) for size in shape)
    num_modes = integer("num_modes", given["num_modes"], 1)
    return Mixture(
        latent_shape=(channels, height, width),
        num_modes=num_modes,
        num_classes=integer("num_classes", given["num_classes"], 1, num_modes),
        mode_std=number("mode_std", given["mode_std"], 1e-3, 1e3),
        mean_std=number("mean_std", given["mean_std"], 0.0, 1e3),
        seed=integer("seed", given["seed"], 0, 2**63 - 1),
    )


def mode_means(mixture: Mixture) -> np.ndarray:
    """Return the means of the modes, [K, C * H * W] float64."""
    key = np.array([mixture.seed, MEANS_KEY], dtype=np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key))
    means = generator.standard_normal((mixture.num_modes, int(np.prod(mixture.latent_shape))))
    return mixture.mean_std * means


@cache
def stable_diffusion_schedule() -> DiscreteSchedule:
    """Return Stable Diffusion 1.5's schedule: 1000 betas, linear in their square root."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
    return DiscreteSchedule(torch.cumprod(1 - betas, dim=0))


def exact_solution(
    x: Tensor,
    start: tuple[float, float],
    stop: tuple[float, float],
    *,
    mean: Tensor | float,
    std: float,
) -> Tensor:
    """Carry a state along the probability-flow ODE of one Gaussian, N(mean, std^2 I).

    With x = alpha mean + sqrt(alpha^2 std^2 + sigma^2) z the ODE leaves z as it is.

    Args:
        x: State at `start`, [B, ...].
        start: (alpha, sigma) where `x` is.
        stop: (alpha, sigma) where the state is wanted.
        mean: Mean of the data, broadcast against `x`.
        std: Standard deviation of the data.

    Reference:
        Song et al. 2021, arXiv:2011.13456, Section 4.3 (the probability-flow ODE), solved for the
        score -(x - alpha mean) / (alpha^2 std^2 + sigma^2).
    """
    (alpha, sigma), (alpha_stop, sigma_stop) = start, stop
    z = (x - alpha * mean) / (alpha**2 * std**2 + sigma**2) ** 0.5
    return alpha_stop * mean + (alpha_stop**2 * std**2 + sigma_stop**2) ** 0.5 * z


def mode_weights(prompt: str, mixture: Mixture) -> np.ndarray:
    """Return the weights of the modes for a prompt, [K] float32 with sum 1.

    The class is the CRC-32 of the words that fit into the prompt, modulo the number of classes.
    """
    words = prompt.split()[: MAX_PROMPT_TOKENS - 2]
    modes = np.arange(mixture.num_modes)
    chosen = np.ones(mixture.num_modes, dtype=bool)
    if words:
        prompt_class = zlib.crc32(" ".join(words).encode()) % mixture.num_classes
        chosen = modes % mixture.num_classes == prompt_class
    return (chosen / chosen.sum()).astype(np.float32)

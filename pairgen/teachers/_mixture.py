"""A mixture of Gaussians on Stable Diffusion's schedule, and its exact ODE."""

import zlib
from functools import cache
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import ConfigDict, ValidationInfo, field_validator
from torch import Tensor

from pairgen.config import integer, quoted
from pairgen.errors import ConfigError
from pairgen.options import Option, Options
from pairgen.rules import Checked, Integer, Number
from pairgen.sampling.parameterization import DiscreteSchedule

MAX_PROMPT_TOKENS = 77
# Samples use keys with indices below 2^63, so no sample's noise comes from this key.
MEANS_KEY = 2**63


def _shape(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ConfigError(f"{name} must be three integers, got {quoted(value)}.")
    return tuple(integer(name, size, 1) for size in value)


SHAPE_SCHEMA = {
    "type": "array",
    "items": {"type": "integer", "minimum": 1},
    "minItems": 3,
    "maxItems": 3,
}


class Mixture(Options):
    """The data distribution: the options of the closed-form teacher."""

    # Validates the default of num_classes, which must not exceed the given num_modes.
    model_config = ConfigDict(validate_default=True)
    command = "the gaussian teacher"

    latent_shape: Annotated[
        tuple[int, int, int],
        Checked(_shape, SHAPE_SCHEMA, "Sequence[int]"),
        Option("Shape [C, H, W] of a latent."),
    ] = (1, 16, 16)
    num_modes: Annotated[int, Integer(1), Option("Number of Gaussians in the mixture.")] = 24
    num_classes: Annotated[
        int,
        Integer(1),
        Option(
            "Number of classes; a prompt's hash selects one. Class c holds the modes k with "
            "k % num_classes = c."
        ),
    ] = 12
    mode_std: Annotated[float, Number(1e-3, 1e3), Option("Standard deviation s of every mode.")] = (
        0.5
    )
    mean_std: Annotated[
        float,
        Number(0.0, 1e3),
        Option("Standard deviation of the entries of the modes' means."),
    ] = 0.6
    seed: Annotated[int, Integer(0, 2**63 - 1), Option("Random seed of the means.")] = 0

    @field_validator("num_classes", mode="before")
    @classmethod
    def _no_more_than_modes(cls, value: Any, info: ValidationInfo) -> int:
        return integer("num_classes", value, 1, info.data.get("num_modes"))


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
    """Solve the probability-flow ODE of one Gaussian, N(mean, std^2 I), exactly.

    With x = alpha mean + sqrt(alpha^2 std^2 + sigma^2) z, the ODE leaves z constant.

    Args:
        x: State at `start`, [B, ...].
        start: (alpha, sigma) of the given state.
        stop: (alpha, sigma) of the returned state.
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
    """Return the weights of the modes for a prompt, [K] float32 that sum to 1.

    The class is the CRC-32 of the words that fit into the prompt, modulo the number of classes.
    """
    words = prompt.split()[: MAX_PROMPT_TOKENS - 2]
    modes = np.arange(mixture.num_modes)
    chosen = np.ones(mixture.num_modes, dtype=bool)
    if words:
        prompt_class = zlib.crc32(" ".join(words).encode()) % mixture.num_classes
        chosen = modes % mixture.num_classes == prompt_class
    return (chosen / chosen.sum()).astype(np.float32)

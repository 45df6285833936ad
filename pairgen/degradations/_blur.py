"""What the blurs share: sizes, shapes and how they are drawn."""

import math
from collections.abc import Sequence

import numpy as np

from pairgen.degradations.base import Draw, check_range, uniform
from pairgen.errors import ConfigError

KERNEL_SIZES = (7, 9, 11, 13, 15, 17, 19, 21)


def check_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return `sizes`.

    Raises:
        ConfigError: They are none, or one is not an odd whole number from 1 to 99.
    """
    fine = not isinstance(sizes, str) and len(sizes) > 0
    if not fine or any(not isinstance(k, int) or k % 2 == 0 or not 1 <= k < 100 for k in sizes):
        raise ConfigError(f"kernel_sizes must be odd whole numbers from 1 to 99, got {sizes!r}.")
    return tuple(sizes)


def check_beta(beta: Sequence[float]) -> tuple[float, float]:
    """Return `beta`.

    Raises:
        ConfigError: It is not a range that 1 lies in.
    """
    low, high = check_range("beta", beta, 0.01)
    if not low <= 1 <= high:
        raise ConfigError(f"beta must be a range around 1, got {beta!r}.")
    return low, high


def check_line(name: str, line: Sequence[float]) -> tuple[float, float]:
    """Return a width's (constant, slope in the scale).

    Raises:
        ConfigError: They are not two numbers of at least 0.
    """
    fine = isinstance(line, Sequence) and not isinstance(line, str) and len(line) == 2
    if not fine or any(not isinstance(v, int | float) or not 0 <= v < math.inf for v in line):
        raise ConfigError(f"{name} must be [constant, slope], two numbers >= 0, got {line!r}.")
    return float(line[0]), float(line[1])


def draw_size(generator: np.random.Generator, sizes: Sequence[int]) -> int:
    """Draw one of the sizes."""
    return int(sizes[int(generator.integers(len(sizes)))])


def draw_shape(
    generator: np.random.Generator, sigma: tuple[float, float], *, isotropic: bool
) -> Draw:
    """Draw sigma_x, sigma_y (px) and the angle; a round kernel has one sigma and no angle."""
    sigma_x = uniform(generator, sigma)
    if isotropic:
        return {"sigma_x": sigma_x, "sigma_y": sigma_x, "angle": 0.0}
    sigma_y = uniform(generator, sigma)
    angle = uniform(generator, (-math.pi, math.pi))
    return {"sigma_x": sigma_x, "sigma_y": sigma_y, "angle": angle}


def draw_beta(generator: np.random.Generator, beta: tuple[float, float]) -> float:
    """Draw the exponent: below 1 and above it with the same probability, each uniformly."""
    low, high = beta
    bounds = (low, 1.0) if generator.random() < 0.5 else (1.0, high)
    return uniform(generator, bounds)

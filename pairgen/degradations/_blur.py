"""Code shared by the blurs: drawing the size and shape of a kernel."""

import math
from collections.abc import Sequence

import numpy as np

from pairgen.degradations.base import Draw, uniform

KERNEL_SIZES = (7, 9, 11, 13, 15, 17, 19, 21)
# What `draw_size` and `draw_shape` draw.
SHAPE_UNITS = {"kernel_size": "px", "sigma_x": "px", "sigma_y": "px", "angle": "rad"}


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

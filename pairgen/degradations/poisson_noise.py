"""Shot noise: the counts of a sensor, in colour or gray."""

import math
from collections.abc import Sequence

import numpy as np

from pairgen.degradations._poisson import poisson_counts
from pairgen.degradations.base import (
    Draw,
    Image,
    Target,
    check_probability,
    check_range,
    draw_field_seed,
    field_generator,
    uniform,
)

# Weights of R, G and B in a gray value, as torchvision's rgb_to_grayscale has them.
GRAY = np.array([0.2989, 0.587, 0.114], np.float32)


class PoissonNoise:
    """Add `scale` times the deviation of Poisson counts from their mean, and clip to [0, 1].

    White is `peak` counts: the number of different 8-bit values in the image, rounded up to a
    power of two. Gray noise is that of the image's gray values, added to all channels.

    Args:
        scale: Range of the factor.
        gray_probability: How often the three channels share one field.

    Raises:
        ConfigError: A value is out of range.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1; peak and scale as in its
        published code (BasicSR 1.4.2, generate_poisson_noise_pt).
    """

    def __init__(self, scale: Sequence[float] = (0.05, 3.0), gray_probability: float = 0.4) -> None:
        self.scale = check_range("scale", scale, 0, 100)
        self.gray_probability = check_probability("gray_probability", gray_probability)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw scale, gray and the seed of the field."""
        return {
            "scale": uniform(generator, self.scale),
            "gray": bool(generator.random() < self.gray_probability),
            "field_seed": draw_field_seed(generator),
        }

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Add the deviation of this level's counts."""
        means = gray_of(image) if draw["gray"] else image
        levels = np.rint(means.clip(0, 1) * 255).astype(np.uint8)
        peak = 2 ** math.ceil(math.log2(np.count_nonzero(np.bincount(levels.ravel()))))
        generator = field_generator(draw["field_seed"], target.level)
        numbers = generator.integers(2**32, size=levels.shape, dtype=np.uint32)
        counts = poisson_counts(levels, peak, numbers).astype(np.float32)
        counts -= levels * np.float32(peak / 255)
        counts *= np.float32(draw["scale"] / peak)
        noisy = image + counts
        return noisy.clip(0, 1, out=noisy)


build = PoissonNoise


def gray_of(image: Image) -> Image:
    """Return the gray value of every pixel, [H, W, 1]."""
    return np.asarray(image @ GRAY, np.float32)[..., None]

"""Additive Gaussian noise, in colour or gray."""

from collections.abc import Sequence

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._threads import in_threads
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


class GaussianNoise:
    """Add white Gaussian noise and clip to [0, 1].

    Args:
        sigma: Range of the standard deviation, in levels of 8 bits.
        gray_probability: How often the three channels share one field.
        whole_sigma: Draw whole standard deviations, both ends of the range among them.

    Raises:
        ConfigError: A value is out of range.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1.
    """

    def __init__(
        self,
        sigma: Sequence[float] = (1.0, 30.0),
        gray_probability: float = 0.4,
        whole_sigma: bool = False,
    ) -> None:
        self.sigma = check_range("sigma", sigma, 0, 255)
        self.whole_sigma = whole_sigma
        self.gray_probability = check_probability("gray_probability", gray_probability)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw sigma, gray and the seed of the field."""
        low, high = self.sigma
        whole = self.whole_sigma
        return {
            "sigma": float(generator.integers(int(low), int(high) + 1))
            if whole
            else uniform(generator, self.sigma),
            "gray": bool(generator.random() < self.gray_probability),
            "field_seed": draw_field_seed(generator),
        }

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Add the field of this level."""
        noise = _field(image.shape[:2], draw, target)
        noise *= np.float32(draw["sigma"] / 255)
        noisy = image + noise
        return noisy.clip(0, 1, out=noisy)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Add the fields, which are those of `apply`."""
        noise = batch.planes(in_threads(_field, batch.sizes, draws, targets))
        noise = noise * batch.column([draw["sigma"] / 255 for draw in draws])
        return Batch((batch.pixels + noise).clamp(0, 1), batch.sizes)


def _field(size: tuple[int, ...], draw: Draw, target: Target) -> Image:
    """Return the field of a level, [H, W, 1 or 3]."""
    generator = field_generator(draw["field_seed"], target.level)
    return generator.standard_normal((*size, 1 if draw["gray"] else 3), np.float32)


build = GaussianNoise

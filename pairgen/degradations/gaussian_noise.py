"""Additive Gaussian noise, in color or gray."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._rules import Probability, Range
from pairgen.degradations._threads import in_threads
from pairgen.degradations.base import (
    Draw,
    Image,
    Operation,
    Target,
    draw_field_seed,
    field_generator,
    uniform,
)
from pairgen.options import Option
from pairgen.rules import Switch


class GaussianNoise(Operation):
    """Add white Gaussian noise and clip to [0, 1].

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1.
    """

    units: ClassVar[Mapping[str, str]] = {"sigma": "8-bit levels"}
    sigma: Annotated[
        tuple[float, float],
        Range(0, 255),
        Option("Range of the standard deviation, in 8-bit levels."),
    ] = (1.0, 30.0)
    gray_probability: Annotated[
        float, Probability(), Option("Probability that the three channels share one noise field.")
    ] = 0.4
    whole_sigma: Annotated[
        bool,
        Switch(),
        Option("Draw integer standard deviations, including both ends of the range."),
    ] = False

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
        """Add the noise field of this level."""
        noise = _field(image.shape[:2], draw, target)
        noise *= np.float32(draw["sigma"] / 255)
        noisy = image + noise
        return noisy.clip(0, 1, out=noisy)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Add the noise fields, which are those of `apply`."""
        noise = batch.planes(in_threads(_field, batch.sizes, draws, targets))
        noise = noise * batch.column([draw["sigma"] / 255 for draw in draws])
        return Batch((batch.pixels + noise).clamp(0, 1), batch.sizes)


def _field(size: tuple[int, ...], draw: Draw, target: Target) -> Image:
    """Return the field of a level, [H, W, 1 or 3]."""
    generator = field_generator(draw["field_seed"], target.level)
    return generator.standard_normal((*size, 1 if draw["gray"] else 3), np.float32)


build = GaussianNoise

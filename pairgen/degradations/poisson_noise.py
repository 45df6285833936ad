"""Shot noise: the counts of a sensor, in color or gray."""

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.degradations._batch import Batch
from pairgen.degradations._poisson import poisson_counts
from pairgen.degradations._poisson_batch import (
    num_different,
    ordered_numbers,
    poisson_counts_batch,
)
from pairgen.degradations._rules import Probability, Range
from pairgen.degradations._threads import in_threads
from pairgen.degradations.base import (
    Draw,
    Image,
    Operation,
    Target,
    draw_field_seed,
    field_generator,
    to_levels,
    uniform,
)
from pairgen.options import Option

# Weights of R, G and B in a gray value, as in torchvision's rgb_to_grayscale.
GRAY = np.array([0.2989, 0.587, 0.114], np.float32)


class PoissonNoise(Operation):
    """Add `scale` times the deviation of Poisson counts from their mean, and clip to [0, 1].

    White is `peak` counts: the number of distinct 8-bit values in the image, rounded up to a power
    of two. Gray noise is the noise of the image's gray values, added to all channels.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1; peak and scale as in its
        published code (BasicSR 1.4.2, generate_poisson_noise_pt).
    """

    scale: Annotated[tuple[float, float], Range(0, 100), Option("Range of the scale factor.")] = (
        0.05,
        3.0,
    )
    gray_probability: Annotated[
        float, Probability(), Option("Probability that the three channels share one noise field.")
    ] = 0.4

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
        levels = to_levels(means).reshape(means.shape)
        peak = _peak(int(np.count_nonzero(np.bincount(levels.ravel()))))
        numbers = _numbers(image.shape[:2], draw, target)
        counts = poisson_counts(levels, peak, numbers).astype(np.float32)
        counts -= levels * np.float32(peak / 255)
        counts *= np.float32(draw["scale"] / peak)
        noisy = image + counts
        return noisy.clip(0, 1, out=noisy)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Add the deviations; the numbers and tables are those of `apply`."""
        red, green, blue = batch.pixels.split(1, dim=1)
        gray = red * float(GRAY[0]) + green * float(GRAY[1]) + blue * float(GRAY[2])
        is_gray = batch.column([draw["gray"] for draw in draws]) > 0
        means = torch.where(is_gray, gray, batch.pixels)
        levels = (means.clamp(0, 1) * 255).round().to(torch.int64)
        peaks = [_peak(number) for number in num_different(levels, batch.sizes)]
        numbers = batch.planes(
            in_threads(
                lambda *drawn: ordered_numbers(_numbers(*drawn)), batch.sizes, draws, targets
            )
        )
        noise = poisson_counts_batch(levels, peaks, numbers).float()
        noise -= levels * batch.column([peak / 255 for peak in peaks])
        noise *= batch.column(
            [draw["scale"] / peak for draw, peak in zip(draws, peaks, strict=True)]
        )
        return Batch((batch.pixels + noise).clamp(0, 1), batch.sizes)


build = PoissonNoise


def _peak(num_levels: int) -> int:
    return 2 ** math.ceil(math.log2(num_levels))


def _numbers(size: tuple[int, ...], draw: Draw, target: Target) -> NDArray[np.uint32]:
    """Return the random numbers of a level, [H, W, 1 or 3]."""
    generator = field_generator(draw["field_seed"], target.level)
    shape = (*size, 1 if draw["gray"] else 3)
    count = math.prod(shape)
    # Both halves of each raw number: the same values as `integers`, in half the time.
    raw = np.asarray(generator.bit_generator.random_raw((count + 1) // 2), "<u8")
    return raw.view("<u4")[:count].reshape(shape)


def gray_of(image: Image) -> Image:
    """Return the gray value of every pixel, [H, W, 1]."""
    return np.asarray(image @ GRAY, np.float32)[..., None]

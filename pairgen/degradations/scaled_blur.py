"""Blur with a Gaussian whose width grows with the scale, as in BSRGAN."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._blur import draw_size
from pairgen.degradations._convolve import convolve
from pairgen.degradations._convolve_batch import convolve_batch
from pairgen.degradations._kernels import Kernel, gaussian
from pairgen.degradations._rules import Line, Probability, Sizes
from pairgen.degradations.base import Draw, Image, Operation, Target, uniform
from pairgen.options import Option

# A narrower kernel would not change the image.
LOWEST_SIGMA = 0.01


class ScaledBlur(Operation):
    """Blur with an isotropic or anisotropic Gaussian; N is the scale, r is drawn from [0, 1).

    Isotropic (round): the standard deviation is r (a + b N). Anisotropic (long): the variances
    along its two axes are r (c + d N), each with its own r. The record stores r, so one draw serves
    every level.

    Reference:
        Zhang et al. 2021 (BSRGAN), arXiv:2103.14006, Section 3.1; values of its published code
        (utils_blindsr.py, add_blur).
    """

    units: ClassVar[Mapping[str, str]] = {"kernel_size": "px", "angle": "rad"}
    kernel_sizes: Annotated[
        tuple[int, ...], Sizes(), Option("Odd sizes of the kernel in px, equally likely.")
    ] = (7, 9, 11, 13, 15, 17, 19, 21, 23, 25)
    round_sigma: Annotated[
        tuple[float, float], Line(), Option("(a, b) of a round kernel, in px.")
    ] = (2.0, 0.2)
    long_variance: Annotated[
        tuple[float, float], Line(), Option("(c, d) of a long kernel, in squared px.")
    ] = (
        4.0,
        1.0,
    )
    round_probability: Annotated[float, Probability(), Option("Probability of a round kernel.")] = (
        0.5
    )

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw kernel_size, round, width_x, width_y and angle; a round one has one width."""
        size = draw_size(generator, self.kernel_sizes)
        is_round = bool(generator.random() < self.round_probability)
        width_x = float(generator.random())
        return {
            "kernel_size": size,
            "round": is_round,
            "width_x": width_x,
            "width_y": width_x if is_round else float(generator.random()),
            "angle": 0.0 if is_round else uniform(generator, (0.0, math.pi)),
        }

    def sigmas(self, draw: Draw, scale: int) -> tuple[float, float]:
        """Return the standard deviations along both axes in pixels."""
        if draw["round"]:
            a, b = self.round_sigma
            sigma = max(LOWEST_SIGMA, draw["width_x"] * (a + b * scale))
            return sigma, sigma
        c, d = self.long_variance
        x, y = (math.sqrt(draw[name] * (c + d * scale)) for name in ("width_x", "width_y"))
        return max(LOWEST_SIGMA, x), max(LOWEST_SIGMA, y)

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Blur with the width for the target's scale."""
        return convolve(image, self._kernel(draw, target))

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Blur each image with its own width."""
        return convolve_batch(batch, list(map(self._kernel, draws, targets)))

    def _kernel(self, draw: Draw, target: Target) -> Kernel:
        sigma = self.sigmas(draw, target.scale)
        return gaussian(draw["kernel_size"], sigma, draw["angle"])


build = ScaledBlur

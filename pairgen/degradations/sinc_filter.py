"""The sinc filter: remove high frequencies, which causes ringing at edges."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np

from pairgen.config import quoted
from pairgen.degradations._batch import Batch
from pairgen.degradations._blur import KERNEL_SIZES, draw_size
from pairgen.degradations._convolve import convolve
from pairgen.degradations._convolve_batch import convolve_batch
from pairgen.degradations._kernels import sinc
from pairgen.degradations._rules import Sizes
from pairgen.degradations.base import Draw, Image, Operation, Target, uniform
from pairgen.errors import ConfigError
from pairgen.options import Option
from pairgen.rules import Checked

# Kernels below this size are small in the published code.
LARGE_SIZE = 13


def _cutoff(_: str, value: Any) -> float:
    if not isinstance(value, int | float) or not 0 < value <= math.pi:
        raise ConfigError(f"A lowest cutoff must be in (0, pi], got {quoted(value)}.")
    return float(value)


CUTOFF = Checked(_cutoff, {"type": "number", "exclusiveMinimum": 0, "maximum": math.pi}, "float")


class SincFilter(Operation):
    """Apply a circular low-pass filter.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.3, Equation 7.
    """

    units: ClassVar[Mapping[str, str]] = {"kernel_size": "px", "cutoff": "rad/px"}
    kernel_sizes: Annotated[
        tuple[int, ...], Sizes(), Option("Odd sizes of the kernel in px, equally likely.")
    ] = KERNEL_SIZES
    lowest_cutoff: Annotated[
        float, CUTOFF, Option("Lowest cutoff in radians per pixel; the highest is pi.")
    ] = math.pi / 3
    lowest_cutoff_large: Annotated[
        float, CUTOFF, Option("Lowest cutoff for kernels of 13 px or more.")
    ] = math.pi / 5

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw kernel_size and cutoff."""
        size = draw_size(generator, self.kernel_sizes)
        lowest = self.lowest_cutoff if size < LARGE_SIZE else self.lowest_cutoff_large
        return {"kernel_size": size, "cutoff": uniform(generator, (lowest, math.pi))}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Filter; values that overshoot are left to the next operation that rounds or clips."""
        del target
        return convolve(image, sinc(draw["kernel_size"], draw["cutoff"]))

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Filter."""
        del targets
        kernels = [sinc(draw["kernel_size"], draw["cutoff"]) for draw in draws]
        return convolve_batch(batch, kernels)


build = SincFilter

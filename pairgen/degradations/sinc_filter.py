"""The sinc filter: cut high frequencies off, which leaves rings beside edges."""

import math
from collections.abc import Sequence

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._blur import KERNEL_SIZES, check_sizes, draw_size
from pairgen.degradations._convolve import convolve
from pairgen.degradations._convolve_batch import convolve_batch
from pairgen.degradations._kernels import sinc
from pairgen.degradations.base import Draw, Image, Target, uniform
from pairgen.errors import ConfigError

# The published code calls kernels below this size small.
LARGE_SIZE = 13


class SincFilter:
    """Filter by a circular low-pass.

    Args:
        kernel_sizes: Odd sizes of the kernel in px, equally likely.
        lowest_cutoff: Lowest cutoff in radians a pixel; the highest is pi.
        lowest_cutoff_large: The same for kernels of 13 px and more.

    Raises:
        ConfigError: A size is even or a cutoff is not in (0, pi].

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.3, Equation 7.
    """

    def __init__(
        self,
        kernel_sizes: Sequence[int] = KERNEL_SIZES,
        lowest_cutoff: float = math.pi / 3,
        lowest_cutoff_large: float = math.pi / 5,
    ) -> None:
        self.kernel_sizes = check_sizes(kernel_sizes)
        for cutoff in (lowest_cutoff, lowest_cutoff_large):
            if not isinstance(cutoff, int | float) or not 0 < cutoff <= math.pi:
                raise ConfigError(f"A lowest cutoff must be in (0, pi], got {cutoff!r}.")
        self.lowest_cutoff, self.lowest_cutoff_large = lowest_cutoff, lowest_cutoff_large

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw kernel_size and cutoff."""
        size = draw_size(generator, self.kernel_sizes)
        lowest = self.lowest_cutoff if size < LARGE_SIZE else self.lowest_cutoff_large
        return {"kernel_size": size, "cutoff": uniform(generator, (lowest, math.pi))}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Filter; what overshoots is left to the operation that next rounds or clips."""
        del target
        return convolve(image, sinc(draw["kernel_size"], draw["cutoff"]))

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Filter."""
        del targets
        kernels = [sinc(draw["kernel_size"], draw["cutoff"]) for draw in draws]
        return convolve_batch(batch, kernels)


build = SincFilter

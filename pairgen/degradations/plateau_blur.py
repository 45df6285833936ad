"""Blur by a plateau: flat in the middle, with long tails."""

from collections.abc import Sequence

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._blur import (
    KERNEL_SIZES,
    check_beta,
    check_sizes,
    draw_beta,
    draw_shape,
    draw_size,
)
from pairgen.degradations._convolve import convolve
from pairgen.degradations._convolve_batch import convolve_batch
from pairgen.degradations._kernels import Kernel, plateau
from pairgen.degradations.base import Draw, Image, Target, check_range


class PlateauBlur:
    """Blur by 1 / (1 + d^beta), d the squared distance in units of sigma.

    Args:
        kernel_sizes: Odd sizes of the kernel in px, equally likely.
        sigma: Range of the standard deviations in px.
        beta: Lowest and highest exponent; half of the draws lie below 1.
        isotropic: One standard deviation and no angle.

    Raises:
        ConfigError: A size is even, a range is not one, or 1 is not in that of beta.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1.
    """

    def __init__(
        self,
        kernel_sizes: Sequence[int] = KERNEL_SIZES,
        sigma: Sequence[float] = (0.2, 3.0),
        beta: Sequence[float] = (1.0, 2.0),
        isotropic: bool = True,
    ) -> None:
        self.kernel_sizes = check_sizes(kernel_sizes)
        self.sigma = check_range("sigma", sigma, 0.01)
        self.beta = check_beta(beta)
        self.isotropic = isotropic

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw kernel_size, sigma_x, sigma_y, angle and beta."""
        size = draw_size(generator, self.kernel_sizes)
        shape = draw_shape(generator, self.sigma, isotropic=self.isotropic)
        return {"kernel_size": size, **shape, "beta": draw_beta(generator, self.beta)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Blur."""
        del target
        return convolve(image, _kernel(draw))

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Blur."""
        del targets
        return convolve_batch(batch, [_kernel(draw) for draw in draws])


def _kernel(draw: Draw) -> Kernel:
    sigma = draw["sigma_x"], draw["sigma_y"]
    return plateau(draw["kernel_size"], sigma, draw["angle"], draw["beta"])


build = PlateauBlur

"""What the blurs with an exponent beta share: they differ in the kernel alone."""

from collections.abc import Sequence

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._blur import check_beta, check_sizes, draw_beta, draw_shape, draw_size
from pairgen.degradations._convolve import convolve
from pairgen.degradations._convolve_batch import convolve_batch
from pairgen.degradations._kernels import Kernel
from pairgen.degradations.base import Draw, Image, Target, check_range


class BetaBlur:
    """Blur by a kernel of size, sigmas, angle and beta.

    Args:
        kernel_sizes: Odd sizes of the kernel in px, equally likely.
        sigma: Range of the standard deviations in px.
        beta: Lowest and highest exponent; half of the draws lie below 1.
        isotropic: One standard deviation and no angle.
    """

    def __init__(
        self,
        kernel_sizes: Sequence[int],
        sigma: Sequence[float],
        beta: Sequence[float],
        isotropic: bool,
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
        return convolve(image, self.kernel(draw))

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Blur."""
        del targets
        return convolve_batch(batch, [self.kernel(draw) for draw in draws])

    def kernel(self, draw: Draw) -> Kernel:
        """Return the kernel of a draw."""
        raise NotImplementedError

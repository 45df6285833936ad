"""Base of the blurs with an exponent beta, which differ only in the kernel."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._blur import KERNEL_SIZES, SHAPE_UNITS, draw_beta, draw_shape, draw_size
from pairgen.degradations._convolve import convolve
from pairgen.degradations._convolve_batch import convolve_batch
from pairgen.degradations._kernels import Kernel
from pairgen.degradations._rules import Range, RangeAroundOne, Sizes
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.options import Option
from pairgen.rules import Switch

BETA = RangeAroundOne(0.01)
BETA_OPTION = Option("Lowest and highest exponent; half of the draws are below 1.")


class BetaBlur(Operation):
    """Blur with a kernel of a size, sigmas, an angle and beta."""

    units: ClassVar[Mapping[str, str]] = SHAPE_UNITS
    kernel_sizes: Annotated[
        tuple[int, ...], Sizes(), Option("Odd sizes of the kernel in px, equally likely.")
    ] = KERNEL_SIZES
    sigma: Annotated[
        tuple[float, float], Range(0.01), Option("Range of the standard deviations in px.")
    ] = (0.2, 3.0)
    beta: Annotated[tuple[float, float], BETA, BETA_OPTION]
    isotropic: Annotated[
        bool, Switch(), Option("Use one standard deviation for both axes, and no angle.")
    ] = True

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

"""Blur with an anisotropic Gaussian at any angle."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._blur import KERNEL_SIZES, SHAPE_UNITS, draw_shape, draw_size
from pairgen.degradations._convolve import convolve
from pairgen.degradations._convolve_batch import convolve_batch
from pairgen.degradations._kernels import Kernel, gaussian
from pairgen.degradations._rules import Range, Sizes
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.options import Option


class AnisotropicBlur(Operation):
    """Blur with a Gaussian of two standard deviations, rotated by any angle.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1.
    """

    units: ClassVar[Mapping[str, str]] = SHAPE_UNITS
    kernel_sizes: Annotated[
        tuple[int, ...], Sizes(), Option("Odd sizes of the kernel in px, equally likely.")
    ] = KERNEL_SIZES
    sigma: Annotated[
        tuple[float, float], Range(0.01), Option("Range of both standard deviations in px.")
    ] = (0.2, 3.0)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw kernel_size, sigma_x, sigma_y and angle."""
        size = draw_size(generator, self.kernel_sizes)
        return {"kernel_size": size, **draw_shape(generator, self.sigma, isotropic=False)}

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
    return gaussian(draw["kernel_size"], sigma, draw["angle"])


build = AnisotropicBlur

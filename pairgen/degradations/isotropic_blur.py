"""Blur with an isotropic Gaussian."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from pairgen.degradations._batch import Batch
from pairgen.degradations._blur import KERNEL_SIZES, draw_size
from pairgen.degradations._convolve import separable
from pairgen.degradations._convolve_batch import separable_batch
from pairgen.degradations._rules import Range, Sizes
from pairgen.degradations.base import Draw, Image, Operation, Target, uniform
from pairgen.options import Option


class IsotropicBlur(Operation):
    """Blur with a Gaussian that is equally wide in all directions.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1.
    """

    units: ClassVar[Mapping[str, str]] = {"kernel_size": "px", "sigma": "px"}
    kernel_sizes: Annotated[
        tuple[int, ...], Sizes(), Option("Odd sizes of the kernel in px, equally likely.")
    ] = KERNEL_SIZES
    sigma: Annotated[
        tuple[float, float], Range(0.01), Option("Range of the standard deviation in px.")
    ] = (0.2, 3.0)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw kernel_size and sigma."""
        size = draw_size(generator, self.kernel_sizes)
        return {"kernel_size": size, "sigma": uniform(generator, self.sigma)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Blur with a kernel that is the product of two one-dimensional ones."""
        del target
        weights = _weights(draw)
        return separable(image, weights, weights)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Blur."""
        del targets
        return separable_batch(batch, [_weights(draw) for draw in draws])


def _weights(draw: Draw) -> NDArray[np.float64]:
    axis = np.arange(draw["kernel_size"]) - draw["kernel_size"] // 2
    weights = np.exp(-0.5 * (axis / draw["sigma"]) ** 2)
    weights /= weights.sum()
    return weights


build = IsotropicBlur

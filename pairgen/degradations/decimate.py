"""Blur and keep one pixel of every block, as in BSRGAN."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from pairgen.config import quoted
from pairgen.degradations._batch import Batch, in_groups
from pairgen.degradations._convolve import separable
from pairgen.degradations._convolve_batch import separable_batch
from pairgen.degradations._rules import Line, is_whole, odd_schema
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.errors import ConfigError
from pairgen.options import Option
from pairgen.rules import Checked


def _odd(name: str, value: Any) -> int:
    if not is_whole(value) or value % 2 == 0 or not 1 <= value < 100:
        raise ConfigError(f"{name} must be an odd number from 1 to 99, got {quoted(value)}.")
    return int(value)


class Decimate(Operation):
    """Blur with a Gaussian at the center of every N x N block, N the scale; keep that value.

    The standard deviation is uniform between a and b N. The record stores the position between the
    two, from 0 to 1, so one draw serves every level.

    Reference:
        Zhang et al. 2021 (BSRGAN), arXiv:2103.14006, Section 3.2; values of its published code
        (utils_blindsr.py, degradation_bsrgan and shift_pixel).
    """

    num_taps: Annotated[
        int, Checked(_odd, odd_schema(), "int"), Option("Number of taps of the kernel, odd.")
    ] = 25
    sigma: Annotated[
        tuple[float, float],
        Line(),
        Option("(a, b): the standard deviation is between a px and b * N px."),
    ] = (0.1, 0.6)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw width."""
        return {"width": float(generator.random())}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Blur, keep every N-th pixel both ways, clip to [0, 1]."""
        weights = self._weights(draw, target)
        blurred = separable(image, weights, weights)
        return np.ascontiguousarray(blurred[:: target.scale, :: target.scale]).clip(0, 1)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Blur each image, and keep the pixels of its scale."""
        blurred = separable_batch(batch, list(map(self._weights, draws, targets)))

        def run(scale: int, part: Batch, draws: list[Draw], targets: list[Target]) -> Batch:
            del draws, targets
            kept = part.pixels[:, :, ::scale, ::scale].clamp(0, 1)
            return Batch(kept, tuple((-(-h // scale), -(-w // scale)) for h, w in part.sizes))

        return in_groups(blurred, [target.scale for target in targets], draws, targets, run)

    def _weights(self, draw: Draw, target: Target) -> NDArray[np.float64]:
        low, high = self.sigma[0], max(self.sigma[0], self.sigma[1] * target.scale)
        return shifted_gaussian(self.num_taps, low + draw["width"] * (high - low), target.scale)


build = Decimate


def shifted_gaussian(num_taps: int, sigma: float, scale: int) -> NDArray[np.float64]:
    """Return a Gaussian [num_taps] of sum 1, centered (scale - 1) / 2 right of the middle.

    A shift of half a pixel is the mean of two neighbors; the last tap repeats beyond the end.
    """
    axis = np.arange(num_taps) - num_taps // 2
    weights = np.exp(-0.5 * (axis / sigma) ** 2)
    shifted = np.interp(axis - (scale - 1) / 2, axis, weights)
    normalised: NDArray[np.float64] = shifted / shifted.sum()
    return normalised

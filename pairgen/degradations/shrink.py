"""Shrink by a factor that may exceed the scale, as in BSRGAN."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np

from pairgen.degradations._batch import Batch, Size
from pairgen.degradations._resample import MODES, resample
from pairgen.degradations._resample_batch import resample_batch
from pairgen.degradations._rules import Some
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.options import Option
from pairgen.rules import Number


class Shrink(Operation):
    """Divide the size by a number drawn uniformly between 1 and a multiple of the scale.

    The record stores the position between the two, from 0 to 1, so one draw serves every level.

    Reference:
        Zhang et al. 2021 (BSRGAN), arXiv:2103.14006, Section 3.2; values of its published code
        (utils_blindsr.py, degradation_bsrgan).
    """

    beyond: Annotated[
        float,
        Number(0.5, 8),
        Option("Largest divisor, as a multiple of the scale."),
    ] = 2.0
    modes: Annotated[tuple[str, ...], Some(MODES), Option("Resampling modes, equally likely.")] = (
        "bilinear",
        "bicubic",
        "area-weighted",
    )

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw amount and mode."""
        mode = self.modes[generator.integers(len(self.modes))]
        return {"amount": float(generator.random()), "mode": mode}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Shrink; sizes are rounded down, to at least 1 px."""
        return resample(image, self._size(image.shape[:2], draw, target), draw["mode"])

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Shrink each image."""
        sizes = list(map(self._size, batch.sizes, draws, targets))
        return resample_batch(batch, sizes, [draw["mode"] for draw in draws])

    def _size(self, size: tuple[int, ...], draw: Draw, target: Target) -> Size:
        divisor = 1 + draw["amount"] * (self.beyond * target.scale - 1)
        return max(1, int(size[0] / divisor)), max(1, int(size[1] / divisor))


build = Shrink

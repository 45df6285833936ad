"""Resize to the size of the level."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._resample import MODES, RANDOM_MODES, resample
from pairgen.degradations._resample_batch import resample_batch
from pairgen.degradations._rules import Some
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.options import Option


class ResizeToTarget(Operation):
    """Resize to the target's size.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.3 (resizing back).
    """

    modes: Annotated[tuple[str, ...], Some(MODES), Option("Resampling modes, equally likely.")] = (
        RANDOM_MODES
    )

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw the mode."""
        return {"mode": self.modes[generator.integers(len(self.modes))]}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Resize."""
        return resample(image, target.size, draw["mode"])

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Resize."""
        sizes = [target.size for target in targets]
        return resample_batch(batch, sizes, [draw["mode"] for draw in draws])


build = ResizeToTarget

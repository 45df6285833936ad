"""Clip values that overshoot."""

from collections.abc import Sequence

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations.base import Draw, Image, Operation, Target


class Clip(Operation):
    """Clip to [0, 1]."""

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw nothing."""
        del generator
        return {}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Clip."""
        del draw, target
        return image.clip(0, 1)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Clip."""
        del draws, targets
        return Batch(batch.pixels.clamp(0, 1), batch.sizes)


build = Clip

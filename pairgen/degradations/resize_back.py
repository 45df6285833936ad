"""Draw, but do not apply, the mode with which a loader resizes LR back to the size of HR."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._resample import MODES, RANDOM_MODES
from pairgen.degradations._rules import Some
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.options import Option


class ResizeBack(Operation):
    """Record how to enlarge LR for networks that take it at the size of HR.

    LR stays at its native size on disk; apply `mode` when you read the pair.

    Reference:
        OSEDiff (Wu et al. 2024, arXiv:2406.08177), published data loader: LR is resized to the
        size of HR by area, bilinear or bicubic before the network sees it.
    """

    modes: Annotated[tuple[str, ...], Some(MODES), Option("Resampling modes, equally likely.")] = (
        RANDOM_MODES
    )

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw the mode."""
        return {"mode": self.modes[generator.integers(len(self.modes))]}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Return the image as it is."""
        del draw, target
        return image

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Return the images as they are."""
        del draws, targets
        return batch


build = ResizeBack

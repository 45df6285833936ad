"""Resize to the size that the level has."""

from collections.abc import Sequence

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._resample import MODES, RANDOM_MODES, resample
from pairgen.degradations._resample_batch import resample_batch
from pairgen.degradations.base import Draw, Image, Target, check_choices


class ResizeToTarget:
    """Resize to the target's size.

    Args:
        modes: Equally likely.

    Raises:
        ConfigError: A mode is not known.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.3 (the resizing back).
    """

    def __init__(self, modes: Sequence[str] = RANDOM_MODES) -> None:
        self.modes = check_choices("modes", modes, MODES)

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

"""Shrink by a factor that may go beyond the scale, as BSRGAN has it."""

from collections.abc import Sequence

import numpy as np

from pairgen.degradations._batch import Batch, Size
from pairgen.degradations._resample import MODES, resample
from pairgen.degradations._resample_batch import resample_batch
from pairgen.degradations.base import Draw, Image, Target, check_choices
from pairgen.errors import ConfigError


class Shrink:
    """Divide the size by a number between 1 and a multiple of the scale, equally likely.

    The record holds where between the two, from 0 to 1, so one draw serves every level.

    Args:
        beyond: The multiple: the largest divisor is this times the scale.
        modes: Equally likely.

    Raises:
        ConfigError: `beyond` is not in [0.5, 8], or a mode is not known.

    Reference:
        Zhang et al. 2021 (BSRGAN), arXiv:2103.14006, Section 3.2; figures of its published code
        (utils_blindsr.py, degradation_bsrgan).
    """

    def __init__(
        self, beyond: float = 2.0, modes: Sequence[str] = ("bilinear", "bicubic", "area-weighted")
    ) -> None:
        if not isinstance(beyond, int | float) or not 0.5 <= beyond <= 8:
            raise ConfigError(f"beyond must be a number in [0.5, 8], got {beyond!r}.")
        self.beyond = float(beyond)
        self.modes = check_choices("modes", modes, MODES)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw amount and mode."""
        mode = self.modes[generator.integers(len(self.modes))]
        return {"amount": float(generator.random()), "mode": mode}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Shrink; sizes are rounded down, to at least 1 px."""
        return resample(image, self._size(image.shape[:2], draw, target), draw["mode"])

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Shrink each."""
        sizes = list(map(self._size, batch.sizes, draws, targets))
        return resample_batch(batch, sizes, [draw["mode"] for draw in draws])

    def _size(self, size: tuple[int, ...], draw: Draw, target: Target) -> Size:
        divisor = 1 + draw["amount"] * (self.beyond * target.scale - 1)
        return max(1, int(size[0] / divisor)), max(1, int(size[1] / divisor))


build = Shrink

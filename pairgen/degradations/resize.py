"""Resize up, down or not at all, by a random factor and a random mode."""

from collections.abc import Sequence

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._resample import MODES, RANDOM_MODES, resample
from pairgen.degradations._resample_batch import resample_batch
from pairgen.degradations.base import (
    Draw,
    Image,
    Target,
    check_choices,
    check_probabilities,
    check_range,
    draw_name,
    uniform,
)
from pairgen.errors import ConfigError

DIRECTIONS = ("up", "down", "keep")


class Resize:
    """Resize by a factor drawn from a range, of the image's own size or of the target's.

    Args:
        up: Probability of a factor in [1, high).
        down: Probability of a factor in [low, 1).
        keep: Probability of the factor 1.
        factor: (low, high).
        modes: Equally likely.
        of_target: The factor is that of the target's size, not of the image's.

    Raises:
        ConfigError: The probabilities do not sum to 1, or a value is out of range.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1.
    """

    def __init__(
        self,
        up: float = 0.2,
        down: float = 0.7,
        keep: float = 0.1,
        factor: Sequence[float] = (0.15, 1.5),
        modes: Sequence[str] = RANDOM_MODES,
        of_target: bool = False,
    ) -> None:
        self.factor = check_range("factor", factor, 0.01, 8)
        if not self.factor[0] <= 1 <= self.factor[1]:
            raise ConfigError(f"factor must be a range around 1, got {factor!r}.")
        self.probabilities = check_probabilities({"up": up, "down": down, "keep": keep})
        self.modes = check_choices("modes", modes, MODES)
        self.of_target = of_target

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw factor and mode."""
        direction = draw_name(generator, self.probabilities)
        low, high = self.factor
        bounds = {"up": (1.0, high), "down": (low, 1.0), "keep": (1.0, 1.0)}[direction]
        factor = uniform(generator, bounds)
        return {"factor": factor, "mode": self.modes[generator.integers(len(self.modes))]}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Resize to the size that the factor gives, rounded down, at least 1 px."""
        height, width = image.shape[:2]
        return resample(image, self._size((height, width), draw, target), draw["mode"])

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Resize each to a size of its own."""
        sizes = list(map(self._size, batch.sizes, draws, targets))
        return resample_batch(batch, sizes, [draw["mode"] for draw in draws])

    def _size(self, size: tuple[int, int], draw: Draw, target: Target) -> tuple[int, int]:
        height, width = target.size if self.of_target else size
        return max(1, int(height * draw["factor"])), max(1, int(width * draw["factor"]))


build = Resize

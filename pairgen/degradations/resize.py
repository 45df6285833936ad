"""Resize up, down or not at all, with a random factor and a random mode."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import PrivateAttr

from pairgen.degradations._batch import Batch
from pairgen.degradations._resample import MODES, RANDOM_MODES, resample
from pairgen.degradations._resample_batch import resample_batch
from pairgen.degradations._rules import Probability, RangeAroundOne, Some
from pairgen.degradations.base import (
    Draw,
    Image,
    Operation,
    Target,
    check_probabilities,
    draw_name,
    uniform,
)
from pairgen.options import Option
from pairgen.rules import Switch


class Resize(Operation):
    """Resize by a factor drawn from a range, relative to the image's or the target's size.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1.
    """

    up: Annotated[float, Probability(), Option("Probability of a factor in [1, high).")] = 0.2
    down: Annotated[float, Probability(), Option("Probability of a factor in [low, 1).")] = 0.7
    keep: Annotated[float, Probability(), Option("Probability of the factor 1.")] = 0.1
    factor: Annotated[
        tuple[float, float], RangeAroundOne(0.01, 8), Option("Range (low, high) of the factor.")
    ] = (
        0.15,
        1.5,
    )
    modes: Annotated[tuple[str, ...], Some(MODES), Option("Resampling modes, equally likely.")] = (
        RANDOM_MODES
    )
    of_target: Annotated[
        bool, Switch(), Option("Make the factor relative to the target's size, not the image's.")
    ] = False
    _probabilities: Mapping[str, float] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Check the probabilities together."""
        del context
        given = {"up": self.up, "down": self.down, "keep": self.keep}
        self._probabilities = check_probabilities(given)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw factor and mode."""
        direction = draw_name(generator, self._probabilities)
        low, high = self.factor
        bounds = {"up": (1.0, high), "down": (low, 1.0), "keep": (1.0, 1.0)}[direction]
        factor = uniform(generator, bounds)
        return {"factor": factor, "mode": self.modes[generator.integers(len(self.modes))]}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Resize by the factor; sizes are rounded down, to at least 1 px."""
        height, width = image.shape[:2]
        return resample(image, self._size((height, width), draw, target), draw["mode"])

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Resize each image to its own size."""
        sizes = list(map(self._size, batch.sizes, draws, targets))
        return resample_batch(batch, sizes, [draw["mode"] for draw in draws])

    def _size(self, size: tuple[int, int], draw: Draw, target: Target) -> tuple[int, int]:
        height, width = target.size if self.of_target else size
        return max(1, int(height * draw["factor"])), max(1, int(width * draw["factor"]))


build = Resize

"""Resize up, down or not at all, with a random factor and a random mode."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import PrivateAttr

from pairgen.degradations._batch import Batch
from pairgen.degradations._resample import MODES, RANDOM_MODES, resample, resample_by, size_by
from pairgen.degradations._resample_batch import resample_batch, resample_batch_by
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
from pairgen.errors import ConfigError
from pairgen.options import Option
from pairgen.rules import Choice, Switch

POSITIONS = ("size", "scale")


class Resize(Operation):
    """Resize by a factor drawn from a range, relative to the image's or the target's size.

    Sizes are rounded down, so the new image rarely has exactly the factor. With the positions of
    the `size`, it shows the whole of the old one. With those of the `scale`, pixel i lies at
    (i + 0.5) / factor, as in the published code: at the far edge LR is then shifted against HR by
    up to as much as rounding took away.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1; positions: its published code
        (realesrgan_model.py, feed_data), whose first resize is by scale and whose second by size.
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
    positions: Annotated[
        str,
        Choice(POSITIONS),
        Option("Place the new pixels by the new size, which is rounded, or by the factor alone."),
    ] = "size"
    _probabilities: Mapping[str, float] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Check the probabilities together, and what positions by scale are defined for."""
        del context
        if self.positions == "scale":
            self._check_scale()
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
        if self.positions == "scale":
            return resample_by(image, draw["factor"], draw["mode"])
        return resample(image, self._size(image.shape[:2], draw, target), draw["mode"])

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Resize each image to its own size."""
        if self.positions == "scale":
            factors = [draw["factor"] for draw in draws]
            return resample_batch_by(batch, factors, [draw["mode"] for draw in draws])
        sizes = list(map(self._size, batch.sizes, draws, targets))
        return resample_batch(batch, sizes, [draw["mode"] for draw in draws])

    def _size(self, size: tuple[int, ...], draw: Draw, target: Target) -> tuple[int, int]:
        return size_by(target.size if self.of_target else size, draw["factor"])

    def _check_scale(self) -> None:
        if self.of_target:
            raise ConfigError(
                "positions must be size where of_target is true, since the factor is then not that "
                "of the image, got 'scale'."
            )
        if other := [mode for mode in self.modes if mode not in RANDOM_MODES]:
            raise ConfigError(
                f"positions: scale is defined for the modes {', '.join(RANDOM_MODES)}, "
                f"got {', '.join(other)}."
            )


build = Resize

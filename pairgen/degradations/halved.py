"""Sometimes halve the image first; the other operations then cover the remaining scale."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import PrivateAttr

from pairgen.config import quoted
from pairgen.degradations._batch import Batch, in_groups
from pairgen.degradations._item_rules import Items
from pairgen.degradations._resample import MODES, resample
from pairgen.degradations._resample_batch import resample_batch
from pairgen.degradations._rules import Probability, Some
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.degradations.chain import Chain
from pairgen.errors import ConfigError
from pairgen.options import Option
from pairgen.rules import Checked

LEVELS = (2, 4, 8, 16)


def _levels(name: str, value: Any) -> tuple[int, ...]:
    several = isinstance(value, Sequence) and not isinstance(value, str)
    if not several or any(level not in LEVELS for level in value):
        known = ", ".join(map(str, LEVELS))
        raise ConfigError(f"{name} must be some of {known}, got {quoted(value)}.")
    return tuple(int(level) for level in value)


class Halved(Operation):
    """Apply operations; at some levels, with a probability, to the halved image.

    Reference:
        Zhang et al. 2021 (BSRGAN), arXiv:2103.14006, Section 3.4; as in its published code
        (utils_blindsr.py, degradation_bsrgan), which does so for N = 4.
    """

    probability: Annotated[float, Probability(), Option("Probability of halving.")] = 0.25
    levels: Annotated[
        tuple[int, ...],
        Checked(_levels, {"type": "array", "items": {"enum": [*LEVELS]}}, "Sequence[int]"),
        Option("Levels N at which images are halved; at other levels they are not."),
    ] = (4,)
    modes: Annotated[
        tuple[str, ...],
        Some(MODES),
        Option("Resampling modes, equally likely; a repeated mode is more likely."),
    ] = ("bilinear", "bicubic", "area-weighted", *["bicubic-antialias"] * 3)
    operations: Annotated[
        Sequence[Any],
        Items(),
        Option("Operations, each `name: {option: value}`; after halving, their scale is N / 2."),
    ] = ()
    _chain: Chain = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Build the operations."""
        del context
        self._chain = Chain(operations=self.operations)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw whether to halve, the mode, and the operations."""
        halved = bool(generator.random() < self.probability)
        mode = self.modes[generator.integers(len(self.modes))]
        return {"halved": halved, "mode": mode, **self._chain.draw(generator)}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw the operations with all their parts, see `Composition`."""
        return {"halved": True, "mode": self.modes[0], **self._chain.draw_every(generator)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Halve and clip if drawn, and apply the operations."""
        if self._halves(draw, target):
            half = (image.shape[0] // 2, image.shape[1] // 2)
            image, target = resample(image, half, draw["mode"]).clip(0, 1), _half_way(target)
        return self._chain.apply(image, draw, target)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Halve and clip the images for which it is drawn, and apply the operations to all."""

        def run(halves: bool, part: Batch, draws: list[Draw], targets: list[Target]) -> Batch:
            del targets
            if not halves:
                return part
            sizes = [(height // 2, width // 2) for height, width in part.sizes]
            part = resample_batch(part, sizes, [draw["mode"] for draw in draws])
            return Batch(part.pixels.clamp(0, 1), part.sizes)

        halves = list(map(self._halves, draws, targets))
        batch = in_groups(batch, halves, draws, targets, run)
        targets = [
            _half_way(target) if halved else target
            for halved, target in zip(halves, targets, strict=True)
        ]
        return self._chain.apply_batch(batch, draws, targets)

    def _halves(self, draw: Draw, target: Target) -> bool:
        return bool(draw["halved"]) and target.level in self.levels


def _half_way(target: Target) -> Target:
    return replace(target, num_halvings=target.num_halvings + 1)


build = Halved

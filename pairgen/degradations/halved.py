"""Now and then the image is halved first, and the rest has half the way to go."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pairgen.degradations._batch import Batch, in_groups
from pairgen.degradations._resample import MODES, resample
from pairgen.degradations._resample_batch import resample_batch
from pairgen.degradations.base import Draw, Image, Target, check_choices, check_probability
from pairgen.degradations.chain import Chain
from pairgen.errors import ConfigError


class Halved:
    """Apply operations, at some levels and with a probability to the halved image.

    Args:
        probability: Of halving.
        levels: N of the levels at which it happens; at the others nothing is halved.
        modes: Equally likely; a mode that stands twice is twice as likely.
        operations: Each `name: {option: value}`; after a halving their scale is half of N.

    Raises:
        ConfigError: A value is out of range, or an operation cannot be built.

    Reference:
        Zhang et al. 2021 (BSRGAN), arXiv:2103.14006, Section 3.4; as in its published code
        (utils_blindsr.py, degradation_bsrgan), which does so for N = 4.
    """

    def __init__(
        self,
        probability: float = 0.25,
        levels: Sequence[int] = (4,),
        modes: Sequence[str] = ("bilinear", "bicubic", "area-weighted", *["bicubic-antialias"] * 3),
        operations: Sequence[Any] = (),
    ) -> None:
        self.probability = check_probability("probability", probability)
        if isinstance(levels, str) or any(level not in (2, 4, 8, 16) for level in levels):
            raise ConfigError(f"levels must be some of 2, 4, 8, 16, got {levels!r}.")
        self.levels = tuple(levels)
        self.modes = check_choices("modes", modes, MODES)
        self.chain = Chain(operations)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw whether, by which mode, and the operations."""
        halved = bool(generator.random() < self.probability)
        mode = self.modes[generator.integers(len(self.modes))]
        return {"halved": halved, "mode": mode, **self.chain.draw(generator)}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw the operations with all their parts, see `Composition`."""
        return {"halved": True, "mode": self.modes[0], **self.chain.draw_every(generator)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Halve where it is drawn, clip, and apply the operations."""
        if self._halves(draw, target):
            half = (image.shape[0] // 2, image.shape[1] // 2)
            image, target = resample(image, half, draw["mode"]).clip(0, 1), _half_way(target)
        return self.chain.apply(image, draw, target)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Halve those for which it is drawn, clip them, and apply the operations to all."""

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
        return self.chain.apply_batch(batch, draws, targets)

    def _halves(self, draw: Draw, target: Target) -> bool:
        return bool(draw["halved"]) and target.level in self.levels


def _half_way(target: Target) -> Target:
    return replace(target, num_halvings=target.num_halvings + 1)


build = Halved

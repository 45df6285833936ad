"""Operations that are left out now and then."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pairgen.degradations._batch import Batch, in_groups
from pairgen.degradations.base import Draw, Image, Target, check_probability
from pairgen.degradations.chain import Chain


class Maybe:
    """Apply operations with a probability.

    Args:
        probability: Of applying them.
        operations: Each `name: {option: value}`.

    Raises:
        ConfigError: The probability is not one, or an operation cannot be built.
    """

    def __init__(self, probability: float = 0.5, operations: Sequence[Any] = ()) -> None:
        self.probability = check_probability("probability", probability)
        self.chain = Chain(operations)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw whether, and then the operations."""
        if generator.random() >= self.probability:
            return {"applied": False}
        return {"applied": True, **self.chain.draw(generator)}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw the operations, whatever the probability, see `Composition`."""
        return {"applied": True, **self.chain.draw_every(generator)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Apply them, or return the image as it is."""
        return self.chain.apply(image, draw, target) if draw["applied"] else image

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Apply them to some of the images."""

        def run(applied: bool, part: Batch, draws: list[Draw], targets: list[Target]) -> Batch:
            return self.chain.apply_batch(part, draws, targets) if applied else part

        return in_groups(batch, [draw["applied"] for draw in draws], draws, targets, run)


build = Maybe

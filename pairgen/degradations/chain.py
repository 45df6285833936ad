"""Operations one after the other."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._items import read_operations
from pairgen.degradations.base import Draw, Image, Target


class Chain:
    """Apply operations in order.

    Args:
        operations: Each `name: {option: value}`.

    Raises:
        ConfigError: An operation cannot be built.
    """

    def __init__(self, operations: Sequence[Any] = ()) -> None:
        self.operations = read_operations(operations)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw every operation."""
        return {"operations": [operation.draw(generator) for operation in self.operations]}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw every operation with all its parts, see `Composition`."""
        return {"operations": [operation.draw_every(generator) for operation in self.operations]}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Apply them."""
        for operation, drawn in zip(self.operations, draw["operations"], strict=True):
            image = operation.apply(image, drawn, target)
        return image

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Apply them."""
        for number, operation in enumerate(self.operations):
            drawn = [draw["operations"][number] for draw in draws]
            batch = operation.apply_batch(batch, drawn, targets)
        return batch


build = Chain

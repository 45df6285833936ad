"""A sequence of operations."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import PrivateAttr

from pairgen.degradations._batch import Batch
from pairgen.degradations._item_rules import Items
from pairgen.degradations._items import Named, read_operations
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.options import Option


class Chain(Operation):
    """Apply operations in order."""

    operations: Annotated[
        Sequence[Any], Items(), Option("Operations, each `name: {option: value}`.")
    ] = ()
    _built: tuple[Named, ...] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Build the operations."""
        del context
        self._built = read_operations(self.operations)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw every operation."""
        return {"operations": [operation.draw(generator) for operation in self._built]}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw every operation with all its parts, see `Composition`."""
        return {"operations": [operation.draw_every(generator) for operation in self._built]}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Apply the operations in order."""
        for operation, drawn in zip(self._built, draw["operations"], strict=True):
            image = operation.apply(image, drawn, target)
        return image

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Apply the operations in order."""
        for number, operation in enumerate(self._built):
            drawn = [draw["operations"][number] for draw in draws]
            batch = operation.apply_batch(batch, drawn, targets)
        return batch


build = Chain

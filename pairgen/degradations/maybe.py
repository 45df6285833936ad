"""Operations that are applied with a probability."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import PrivateAttr

from pairgen.degradations._batch import Batch, in_groups
from pairgen.degradations._item_rules import Items
from pairgen.degradations._rules import Probability
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.degradations.chain import Chain
from pairgen.options import Option


class Maybe(Operation):
    """Apply operations with a probability."""

    probability: Annotated[
        float, Probability(), Option("Probability of applying the operations.")
    ] = 0.5
    operations: Annotated[
        Sequence[Any], Items(), Option("Operations, each `name: {option: value}`.")
    ] = ()
    _chain: Chain = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Build the operations."""
        del context
        self._chain = Chain(operations=self.operations)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw whether to apply the operations, and then the operations."""
        if generator.random() >= self.probability:
            return {"applied": False}
        return {"applied": True, **self._chain.draw(generator)}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw the operations regardless of the probability, see `Composition`."""
        return {"applied": True, **self._chain.draw_every(generator)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Apply the operations, or return the image unchanged."""
        return self._chain.apply(image, draw, target) if draw["applied"] else image

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Apply the operations to some of the images."""

        def run(applied: bool, part: Batch, draws: list[Draw], targets: list[Target]) -> Batch:
            return self._chain.apply_batch(part, draws, targets) if applied else part

        return in_groups(batch, [draw["applied"] for draw in draws], draws, targets, run)


build = Maybe

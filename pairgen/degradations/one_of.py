"""One of several operations."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import PrivateAttr

from pairgen.degradations._batch import Batch, in_groups
from pairgen.degradations._item_rules import Choices
from pairgen.degradations._items import Named, read_operation
from pairgen.degradations.base import Draw, Image, Operation, Target, check_probabilities, draw_name
from pairgen.options import Option


class OneOf(Operation):
    """Apply one of several operations."""

    choices: Annotated[
        Sequence[Any],
        Choices(),
        Option(
            "Choices, each `{probability: p, name: {option: value}}`; the probabilities sum to 1. "
            "An empty list does nothing."
        ),
    ] = ()
    _built: Sequence[Named] = PrivateAttr()
    _probabilities: Mapping[str, float] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Build the operations."""
        del context
        named = [{k: v for k, v in choice.items() if k != "probability"} for choice in self.choices]
        self._built = [read_operation(item) for item in named]
        self._probabilities = check_probabilities(
            {str(i): choice["probability"] for i, choice in enumerate(self.choices)} or {"-1": 1}
        )

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw the choice, and then its operation."""
        choice = int(draw_name(generator, self._probabilities))
        if choice < 0:
            return {"choice": choice}
        return {"choice": choice, **self._built[choice].draw(generator)}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw all choices, see `Composition`."""
        draw: Draw = {"choice": len(self._built) - 1}
        for operation in self._built:
            draw |= operation.draw_every(generator)
        return draw

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Apply the chosen operation."""
        if draw["choice"] < 0:
            return image
        return self._built[draw["choice"]].apply(image, draw, target)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Apply its chosen operation to each image."""

        def run(choice: int, part: Batch, draws: list[Draw], targets: list[Target]) -> Batch:
            if choice < 0:
                return part
            return self._built[choice].apply_batch(part, draws, targets)

        return in_groups(batch, [draw["choice"] for draw in draws], draws, targets, run)


build = OneOf

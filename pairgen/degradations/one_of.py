"""One operation out of several."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pairgen.degradations._batch import Batch, in_groups
from pairgen.degradations._items import read_operation
from pairgen.degradations.base import Draw, Image, Target, check_probabilities, draw_name
from pairgen.errors import ConfigError


class OneOf:
    """Apply one of several operations.

    Args:
        choices: Each `{probability: p, name: {option: value}}`; the probabilities sum to 1. None
            at all stands for doing nothing.

    Raises:
        ConfigError: A choice is not of that form, or the probabilities do not sum to 1.
    """

    def __init__(self, choices: Sequence[Mapping[str, Any]] = ()) -> None:
        for choice in choices:
            if not isinstance(choice, Mapping) or "probability" not in choice:
                raise ConfigError(
                    f"A choice is {{probability: p, name: {{option: value}}}}, got {choice!r}."
                )
        named = [{k: v for k, v in choice.items() if k != "probability"} for choice in choices]
        self.operations = [read_operation(item) for item in named]
        self.probabilities = check_probabilities(
            {str(i): choice["probability"] for i, choice in enumerate(choices)} or {"-1": 1}
        )

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw which, and then the operation."""
        choice = int(draw_name(generator, self.probabilities))
        if choice < 0:
            return {"choice": choice}
        return {"choice": choice, **self.operations[choice].draw(generator)}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw all the choices, see `Composition`."""
        draw: Draw = {"choice": len(self.operations) - 1}
        for operation in self.operations:
            draw |= operation.draw_every(generator)
        return draw

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Apply it."""
        if draw["choice"] < 0:
            return image
        return self.operations[draw["choice"]].apply(image, draw, target)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Apply to each image its own."""

        def run(choice: int, part: Batch, draws: list[Draw], targets: list[Target]) -> Batch:
            if choice < 0:
                return part
            return self.operations[choice].apply_batch(part, draws, targets)

        return in_groups(batch, [draw["choice"] for draw in draws], draws, targets, run)


build = OneOf

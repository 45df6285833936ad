"""Operations as a preset writes them: `name: {option: value}`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pairgen import plugins
from pairgen.config import quoted
from pairgen.degradations._batch import Batch
from pairgen.degradations.base import (
    BatchDegradation,
    Composition,
    Degradation,
    Draw,
    Image,
    Target,
)
from pairgen.errors import ConfigError


class Named:
    """A degradation with its name in presets and records."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self.degradation: Degradation = plugins.build("degradations", name, **options)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Return {name: draw}."""
        return {self.name: self.degradation.draw(generator)}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Return {name: draw}, with every part of a composition."""
        degradation = self.degradation
        every = degradation.draw_every if isinstance(degradation, Composition) else degradation.draw
        return {self.name: every(generator)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Apply the draw that is recorded under the name."""
        return self.degradation.apply(image, draw[self.name], target)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Apply the draw that is recorded under the name to each image."""
        drawn = [draw[self.name] for draw in draws]
        if isinstance(self.degradation, BatchDegradation):
            return self.degradation.apply_batch(batch, drawn, targets)
        images = map(self.degradation.apply, batch.images(), drawn, targets)
        return Batch.from_images(list(images), batch.pixels.device)


def read_operation(item: Any) -> Named:
    """Build one operation.

    Raises:
        ConfigError: `item` is not `name: {option: value}`, or the operation cannot be built.
    """
    if isinstance(item, str):
        return Named(item, {})
    if not isinstance(item, Mapping) or len(item) != 1:
        raise ConfigError(f"An operation must be name: {{option: value}}, got {quoted(item)}.")
    ((name, options),) = item.items()
    if not isinstance(options, Mapping | None) or not isinstance(name, str):
        raise ConfigError(
            f"The options of {name!r} must be {{option: value}}, got {quoted(options)}."
        )
    return Named(name, options or {})


def read_operations(items: Sequence[Any]) -> tuple[Named, ...]:
    """Build a list of operations.

    Raises:
        ConfigError: One of them is invalid.
    """
    found = []
    for number, item in enumerate(items, start=1):
        try:
            found.append(read_operation(item))
        except ConfigError as error:
            # The innermost place is enough to find it.
            message = str(error)
            where = "" if message.startswith("operation ") else f"operation {number}: "
            raise type(error)(f"{where}{message}") from None
    return tuple(found)

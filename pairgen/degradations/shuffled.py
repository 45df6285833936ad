"""Groups of operations in random order."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
from pydantic import PrivateAttr, model_validator

from pairgen.config import quoted
from pairgen.degradations._batch import Batch, in_groups
from pairgen.degradations._item_rules import Groups
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.degradations.chain import Chain
from pairgen.errors import ConfigError
from pairgen.options import Option
from pairgen.rules import Checked


def _numbers(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(f"{name} must be a list of numbers, got {quoted(value)}.")
    return tuple(value)


class Shuffled(Operation):
    """Apply groups of operations in random order, all orders equally likely.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.3 (two groups); Zhang et al.
        2021 (BSRGAN), arXiv:2103.14006, Section 3.4 (seven).
    """

    groups: Annotated[
        Sequence[Any],
        Groups(),
        Option("Groups of operations to shuffle; the order within a group is fixed."),
    ] = ()
    in_order: Annotated[
        tuple[Any, ...],
        Checked(
            _numbers, {"type": "array", "items": {"type": "integer", "minimum": 0}}, "Sequence[int]"
        ),
        Option(
            "Numbers of the groups that keep their relative order: if the shuffle changes it, "
            "they swap places."
        ),
    ] = ()
    _chains: Sequence[Chain] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Build the groups."""
        del context
        self._chains = [Chain(operations=group) for group in self.groups]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        num = len(self.groups)
        if any(not isinstance(i, int) or not 0 <= i < num for i in self.in_order):
            raise ConfigError(
                f"in_order must name groups from 0 to {num - 1}, got {quoted(list(self.in_order))}."
            )
        return self

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw the order and every group."""
        order = [int(i) for i in generator.permutation(len(self.groups))]
        places = sorted(order.index(i) for i in self.in_order)
        for place, group in zip(places, self.in_order, strict=True):
            order[place] = group
        return {"order": order, "groups": [group.draw(generator) for group in self._chains]}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw every group with all its parts, see `Composition`."""
        order = list(range(len(self.groups)))
        return {"order": order, "groups": [group.draw_every(generator) for group in self._chains]}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Apply the groups in the drawn order."""
        for i in draw["order"]:
            image = self._chains[i].apply(image, draw["groups"][i], target)
        return image

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Apply, at each place of the order, the groups that the images have there."""

        def run(number: int, part: Batch, draws: list[Draw], targets: list[Target]) -> Batch:
            drawn = [draw["groups"][number] for draw in draws]
            return self._chains[number].apply_batch(part, drawn, targets)

        for place in range(len(self.groups)):
            keys = [draw["order"][place] for draw in draws]
            batch = in_groups(batch, keys, draws, targets, run)
        return batch


build = Shuffled

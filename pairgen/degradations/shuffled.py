"""Groups of operations in random order."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pairgen.degradations._batch import Batch, in_groups
from pairgen.degradations.base import Draw, Image, Target
from pairgen.degradations.chain import Chain
from pairgen.errors import ConfigError


class Shuffled:
    """Apply groups of operations in random order, all orders equally likely.

    Args:
        groups: Lists of operations; within a group the order stands.
        in_order: Numbers of groups that keep their order among themselves: where the permutation
            has another, they trade places.

    Raises:
        ConfigError: A group cannot be built, or `in_order` names one that is not there.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.3 (two groups); Zhang et al.
        2021 (BSRGAN), arXiv:2103.14006, Section 3.4 (seven).
    """

    def __init__(self, groups: Sequence[Sequence[Any]] = (), in_order: Sequence[int] = ()) -> None:
        self.groups = [Chain(group) for group in groups]
        self.in_order = tuple(in_order)
        if any(not isinstance(i, int) or not 0 <= i < len(self.groups) for i in self.in_order):
            raise ConfigError(
                f"in_order must name groups from 0 to {len(self.groups) - 1}, got {in_order!r}."
            )

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw the order and every group."""
        order = [int(i) for i in generator.permutation(len(self.groups))]
        places = sorted(order.index(i) for i in self.in_order)
        for place, group in zip(places, self.in_order, strict=True):
            order[place] = group
        return {"order": order, "groups": [group.draw(generator) for group in self.groups]}

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw every group with all its parts, see `Composition`."""
        order = list(range(len(self.groups)))
        return {"order": order, "groups": [group.draw_every(generator) for group in self.groups]}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Apply them in the order drawn."""
        for i in draw["order"]:
            image = self.groups[i].apply(image, draw["groups"][i], target)
        return image

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Apply at each place of the order the groups that the images have there."""

        def run(number: int, part: Batch, draws: list[Draw], targets: list[Target]) -> Batch:
            drawn = [draw["groups"][number] for draw in draws]
            return self.groups[number].apply_batch(part, drawn, targets)

        for place in range(len(self.groups)):
            keys = [draw["order"][place] for draw in draws]
            batch = in_groups(batch, keys, draws, targets, run)
        return batch


build = Shuffled

"""Captions that are almost true: those of compositions that differ in one part."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pairgen.sources.painted.compositions import Composition

PARTS = ("style", "colour", "concept", "background")
ANY = "any"


class Neighbours:
    """Finds compositions that differ from a given one in exactly one part.

    Args:
        compositions: Those that there are.
        allowed: Which of them may be found, as places in `compositions`.
    """

    def __init__(self, compositions: Sequence[Composition], allowed: Sequence[int]) -> None:
        groups: dict[tuple[str, Composition], list[int]] = defaultdict(list)
        for place in allowed:
            for part in PARTS:
                groups[part, replace(compositions[place], **{part: ANY})].append(place)
        self.found = {
            place: [
                group
                for part in PARTS
                if len(group := groups[part, replace(compositions[place], **{part: ANY})]) > 1
            ]
            for place in allowed
        }

    def draw(self, place: int, generator: np.random.Generator) -> int:
        """Draw a neighbour of an allowed composition: first the part, then the neighbour."""
        groups = self.found[place]
        group = groups[generator.integers(len(groups))]
        while (neighbour := group[generator.integers(len(group))]) == place:
            pass
        return neighbour

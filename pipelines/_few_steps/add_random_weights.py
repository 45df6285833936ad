"""ADD of a student that begins with random weights."""

from typing import Any

from _few_steps.controls import RandomWeights
from pairgen.methods.add import ADD, OPTIONS
from pairgen.methods.base import Setup
from pairgen.signature import takes


class RandomADD(RandomWeights, ADD):
    """Differs from ADD at the first step alone."""


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> RandomADD:
    """Build the method."""
    return RandomADD(setup=setup, **options)

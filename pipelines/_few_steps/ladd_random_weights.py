"""LADD of a student that begins with random weights."""

from typing import Any

from _few_steps.controls import RandomWeights
from pairgen.methods.base import Setup
from pairgen.methods.ladd import LADD, OPTIONS
from pairgen.signature import takes


class RandomLADD(RandomWeights, LADD):
    """Differs from LADD at the first step alone."""


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> RandomLADD:
    """Build the method."""
    return RandomLADD(setup=setup, **options)

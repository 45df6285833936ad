"""LADD without its game: the distance to the teacher's x0 alone."""

from typing import Any

from _few_steps.controls import DistillationAlone
from pairgen.methods.base import Setup
from pairgen.methods.ladd import LADD, OPTIONS
from pairgen.signature import takes


class LADDAlone(DistillationAlone, LADD):
    """Is not judged."""


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> LADDAlone:
    """Build the method."""
    return LADDAlone(setup=setup, **options)

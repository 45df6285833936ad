"""ADD without its game: the distance to the teacher's x0 alone."""

from typing import Any

from _few_steps.controls import DistillationAlone
from pairgen.methods.add import ADD, OPTIONS
from pairgen.methods.base import Setup
from pairgen.signature import takes


class ADDAlone(DistillationAlone, ADD):
    """Is not judged."""


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> ADDAlone:
    """Build the method."""
    return ADDAlone(setup=setup, **options)

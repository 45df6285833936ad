"""LADD of a student that begins with random weights; its teacher is the pretrained network."""

from typing import Any

from _random_weights import draw_anew

from pairgen.methods.base import Setup
from pairgen.methods.ladd import LADD, OPTIONS
from pairgen.signature import takes

SEED = 7


class RandomWeights(LADD):
    """Differs from LADD at the first step alone."""

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        super().__init__(setup=setup, **options)
        draw_anew(self._student.denoiser.network, SEED)


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> RandomWeights:
    """Build the method."""
    return RandomWeights(setup=setup, **options)

"""ADD whose discriminator reads a vision transformer that knows nothing."""

from typing import Any

from _random_weights import draw_anew

from _few_steps.controls import SEED
from pairgen.methods.add import ADD, OPTIONS
from pairgen.methods.base import Setup
from pairgen.signature import takes


class RandomFeatures(ADD):
    """Is as expensive as ADD."""

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        super().__init__(setup=setup, **options)
        draw_anew(self._discriminator.features.network, SEED)


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> RandomFeatures:
    """Build the method."""
    return RandomFeatures(setup=setup, **options)

"""LADD whose discriminator reads a network that knows nothing."""

from typing import Any

from _random_weights import draw_anew

from _few_steps.controls import SEED
from pairgen.errors import ConfigError
from pairgen.methods.base import Setup
from pairgen.methods.ladd import LADD, OPTIONS
from pairgen.signature import takes


class RandomFeatures(LADD):
    """Is as expensive as LADD. The same network would distill, so it has no such term.

    Raises:
        ConfigError: `distill_weight` is not 0.
    """

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        super().__init__(setup=setup, **options)
        if self.options.distill_weight:
            raise ConfigError(
                f"distill_weight must be 0 here, got {self.options.distill_weight:g}."
            )
        draw_anew(self._frozen.network, SEED)


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> RandomFeatures:
    """Build the method."""
    return RandomFeatures(setup=setup, **options)

"""Clip what overshoots."""

import numpy as np

from pairgen.degradations.base import Draw, Image, Target


class Clip:
    """Clip to [0, 1]."""

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw nothing."""
        del generator
        return {}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Clip."""
        del draw, target
        return image.clip(0, 1)


build = Clip

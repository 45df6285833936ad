"""A user's own operation, found by its dotted name, that knows nothing of batches."""

import numpy as np

from pairgen.degradations.base import Draw, Image, Target


class OwnNegative:
    """Turn black into white."""

    def draw(self, generator: np.random.Generator) -> Draw:
        return {"share": float(generator.random())}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        del target
        return np.asarray(image + np.float32(draw["share"]) * (1 - 2 * image), np.float32)


build = OwnNegative

"""A user's own operation on batches: it changes nothing, and many images do not fit into memory."""

from collections.abc import Sequence

import numpy as np
import torch

from pairgen.degradations.base import Batch, Draw, Image, Target


class OwnHungry:
    def __init__(self, max_batch: int = 1) -> None:
        self.max_batch = max_batch

    def draw(self, generator: np.random.Generator) -> Draw:
        del generator
        return {}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        del draw, target
        return image

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        del targets
        if len(draws) > self.max_batch:
            raise torch.OutOfMemoryError("out of memory")
        return batch


build = OwnHungry

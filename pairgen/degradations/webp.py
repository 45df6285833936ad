"""Lossy WebP compression with a real codec."""

from collections.abc import Sequence
from typing import Annotated

import cv2
import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._codec import batch_through_codec, through_codec
from pairgen.degradations._rules import Range
from pairgen.degradations.base import Draw, Image, Operation, Target, draw_quality
from pairgen.options import Option


class WebP(Operation):
    """Compress with libwebp."""

    quality: Annotated[
        tuple[float, float],
        Range(1, 100),
        Option("Lowest and highest quality in [1, 100]; integers, equally likely."),
    ] = (30, 95)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw quality."""
        return {"quality": draw_quality(generator, self.quality)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Compress and decompress."""
        del target
        return through_codec(image, ".webp", [cv2.IMWRITE_WEBP_QUALITY, draw["quality"]])

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Compress and decompress."""
        del targets
        options = [[cv2.IMWRITE_WEBP_QUALITY, draw["quality"]] for draw in draws]
        return batch_through_codec(batch, ".webp", options)


build = WebP

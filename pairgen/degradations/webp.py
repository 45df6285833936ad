"""Lossy WebP compression by a real codec."""

from collections.abc import Sequence

import cv2
import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._codec import batch_through_codec, through_codec
from pairgen.degradations.base import Draw, Image, Target, check_range, draw_quality


class WebP:
    """Compress by libwebp.

    Args:
        quality: Lowest and highest, whole numbers in [1, 100], equally likely.

    Raises:
        ConfigError: The range is not one.
    """

    def __init__(self, quality: Sequence[int] = (30, 95)) -> None:
        self.quality = check_range("quality", quality, 1, 100)

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

"""JPEG compression by a real codec."""

from collections.abc import Sequence

import cv2
import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._codec import batch_through_codec, through_codec
from pairgen.degradations.base import Draw, Image, Target, check_range, draw_quality


class Jpeg:
    """Compress by libjpeg, with colour at half the resolution (4:2:0).

    Args:
        quality: Lowest and highest, whole numbers in [1, 100], equally likely.

    Raises:
        ConfigError: The range is not one.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1. Their training code
        approximates the codec (DiffJPEG); this is the codec.
    """

    def __init__(self, quality: Sequence[int] = (30, 95)) -> None:
        self.quality = check_range("quality", quality, 1, 100)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw quality."""
        return {"quality": draw_quality(generator, self.quality)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Compress and decompress."""
        del target
        return through_codec(image, ".jpg", _options(draw))

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Compress and decompress."""
        del targets
        return batch_through_codec(batch, ".jpg", [_options(draw) for draw in draws])


def _options(draw: Draw) -> list[int]:
    return [
        *(cv2.IMWRITE_JPEG_QUALITY, draw["quality"]),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
    ]


build = Jpeg

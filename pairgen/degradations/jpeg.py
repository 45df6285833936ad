"""JPEG compression with a real codec."""

from collections.abc import Sequence
from typing import Annotated

import cv2
import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._codec import batch_through_codec, through_codec
from pairgen.degradations._rules import Range
from pairgen.degradations.base import Draw, Image, Operation, Target, draw_quality
from pairgen.options import Option


class Jpeg(Operation):
    """Compress with libjpeg, with chroma at half the resolution (4:2:0).

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1. Their training code
        approximates the codec (DiffJPEG); this is the codec.
    """

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

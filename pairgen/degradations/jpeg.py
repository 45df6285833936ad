"""JPEG compression with a real codec."""

from collections.abc import Sequence
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.degradations._batch import Batch
from pairgen.degradations._codec import recoded
from pairgen.degradations._jpeg_tables import through_jpeg
from pairgen.degradations._rules import Range
from pairgen.degradations._threads import in_threads
from pairgen.degradations.base import (
    Draw,
    Image,
    Operation,
    Target,
    draw_quality,
    from_levels,
    to_levels,
    uniform,
)
from pairgen.options import Option
from pairgen.rules import Switch


class Jpeg(Operation):
    """Compress with libjpeg, with chroma at half the resolution (4:2:0).

    A quality that is no whole number gives the quantization tables that libjpeg's formula has for
    it, rounded to integers as the format asks.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1. Their training code
        approximates the codec (DiffJPEG), with real-valued qualities; this is the codec.
    """

    quality: Annotated[
        tuple[float, float],
        Range(1, 100),
        Option("Lowest and highest quality in [1, 100]; drawn uniformly."),
    ] = (30, 95)
    whole_quality: Annotated[
        bool,
        Switch(),
        Option("Draw integer qualities, including both ends of the range, not real numbers."),
    ] = True

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw quality: an integer, or a float."""
        if self.whole_quality:
            return {"quality": draw_quality(generator, self.quality)}
        return {"quality": uniform(generator, self.quality)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Compress and decompress."""
        del target
        return from_levels(_through(to_levels(image), draw))

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Compress and decompress."""
        del targets
        decoded = in_threads(_through, batch.levels(), draws)
        return Batch.from_levels(decoded, batch.pixels.device)


def _through(levels: NDArray[np.uint8], draw: Draw) -> NDArray[np.uint8]:
    quality = draw["quality"]
    if isinstance(quality, float):
        return through_jpeg(levels, quality)
    sampling = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)
    return recoded(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling])


build = Jpeg

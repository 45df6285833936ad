"""Encode images with a real codec and decode them again."""

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.degradations._batch import Batch
from pairgen.degradations._threads import in_threads
from pairgen.degradations.base import Image, from_levels, to_levels


def through_codec(image: Image, extension: str, options: list[int]) -> Image:
    """Round to 8 bits, encode, decode.

    Args:
        image: The image; it is clipped to [0, 1] first.
        extension: `.jpg` or `.webp`.
        options: Pairs of OpenCV's IMWRITE flags and values.
    """
    return from_levels(recoded(extension, to_levels(image), options))


def batch_through_codec(batch: Batch, extension: str, options: Sequence[list[int]]) -> Batch:
    """Do the same to each image of a batch, with its own options, on CPU threads."""
    decoded = in_threads(partial(recoded, extension), batch.levels(), options)
    return Batch.from_levels(decoded, batch.pixels.device)


def recoded(extension: str, levels: NDArray[np.uint8], options: list[int]) -> NDArray[np.uint8]:
    """Encode 8-bit levels [H, W, 3] and decode them; arguments as of `through_codec`."""
    # OpenCV's codecs take BGR.
    encoded = cv2.imencode(extension, cv2.cvtColor(levels, cv2.COLOR_RGB2BGR), options)[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)

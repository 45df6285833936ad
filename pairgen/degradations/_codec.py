"""Through a real codec and back."""

import cv2
import numpy as np

from pairgen.degradations.base import Image, from_levels, to_levels


def through_codec(image: Image, extension: str, options: list[int]) -> Image:
    """Round to 8 bits, encode, decode.

    Args:
        image: Clipped to [0, 1] first.
        extension: `.jpg` or `.webp`.
        options: Pairs of OpenCV's IMWRITE flags and values.
    """
    # OpenCV's codecs take BGR.
    levels = cv2.cvtColor(to_levels(image), cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(extension, levels, options)[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return from_levels(np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8))

"""From an image of any size to a square: resize the shorter side, cut, perhaps mirror.

Images are resized by Pillow's Lanczos filter, whose support grows with the factor, so that it
antialiases. It computes 8-bit images in integers: the same bits on every machine.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pairgen.sources.photographs import (
    MAX_PIXELS,
    ImageSize,
    SkippedImageError,
    UnusableImageError,
)

FILTER = "pillow-lanczos"


def fitted_size(size: ImageSize, side: int, enlarge: bool) -> ImageSize:
    """Return the size of an image whose shorter side becomes `side` pixels.

    The longer side is rounded to the nearest pixel, half up.

    Args:
        size: The image's own size.
        side: The new shorter side.
        enlarge: Whether a smaller image may grow.

    Raises:
        UnusableImageError: The image is smaller and may not grow, or would grow too large.
    """
    short = min(size.width, size.height)
    if short < side and not enlarge:
        raise UnusableImageError(f"smaller than {side} px: {size.width} x {size.height}")
    width, height = ((2 * each * side + short) // (2 * short) for each in (size.width, size.height))
    if width * height > MAX_PIXELS:
        raise UnusableImageError(f"too large when resized: {width} x {height} px")
    return ImageSize(width, height)


def check_min_size(size: ImageSize, min_size: int) -> None:
    """Check the shorter side of an image.

    Raises:
        SkippedImageError: It is below `min_size`.
    """
    if min(size.width, size.height) < min_size:
        raise SkippedImageError(f"shorter side below {min_size} px: {size.width} x {size.height}")


def resized(image: NDArray[np.uint8], size: ImageSize) -> NDArray[np.uint8]:
    """Return an image [H, W, 3] in another size; itself if it has that size."""
    if image.shape[:2] == (size.height, size.width):
        return image
    small = Image.fromarray(image).resize((size.width, size.height), Image.Resampling.LANCZOS)
    return np.asarray(small)


def center_place(size: ImageSize, side: int, step: int = 1) -> tuple[int, int]:
    """Return (top, left) of the square in the middle: a multiple of `step`, rounded down."""
    top, left = (size.height - side) // 2, (size.width - side) // 2
    return top // step * step, left // step * step


def mirrored(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image [H, W, 3] mirrored left to right."""
    return np.ascontiguousarray(image[:, ::-1])

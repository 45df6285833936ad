"""From an image of any size to one shape: resize to cover it, cut, perhaps mirror.

Images are resized by Pillow's Lanczos filter, whose support grows with the factor, so that it
antialiases. It computes 8-bit images in integers: the same bits on every machine.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pairgen.sources.photographs import ImageSize, SkippedImageError, UnusableImageError
from pairgen.sources.pixels.opening import MAX_PIXELS

FILTER = "pillow-lanczos"


def fitted_size(size: ImageSize, shape: ImageSize, enlarge: bool) -> ImageSize:
    """Return the size of an image that is resized to just cover a shape.

    One side becomes that of the shape; the other is rounded to the nearest pixel, half up.

    Args:
        size: The image's own size.
        shape: What is cut out of it.
        enlarge: Whether a smaller image may grow.

    Raises:
        UnusableImageError: The image is smaller and may not grow, or would grow too large.
    """
    if (size.width < shape.width or size.height < shape.height) and not enlarge:
        square = shape.width == shape.height
        wanted = f"{shape.width}" if square else f"{shape.width} x {shape.height}"
        raise UnusableImageError(f"smaller than {wanted} px: {size.width} x {size.height}")
    # The side that needs the larger factor; a factor is a fraction of whole numbers.
    if shape.width * size.height >= shape.height * size.width:
        new, old = shape.width, size.width
    else:
        new, old = shape.height, size.height
    width, height = ((2 * each * new + old) // (2 * old) for each in (size.width, size.height))
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


def center_place(size: ImageSize, shape: ImageSize, step: int = 1) -> tuple[int, int]:
    """Return (top, left) of the part in the middle: a multiple of `step`, rounded down."""
    top, left = (size.height - shape.height) // 2, (size.width - shape.width) // 2
    return top // step * step, left // step * step


def mirrored(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image [H, W, 3] mirrored left to right."""
    return np.ascontiguousarray(image[:, ::-1])

"""Gray values of more than 8 bits: their range and their sense, as the file says."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pairgen.sources.pixels.reasons import UnusableImageError
from pairgen.sources.pixels.tiff import check_integers, is_inverted, scaled, white_of

DEEP_GRAY = ("I;16", "I;16L", "I;16B", "I")
DEEPEST = np.iinfo(np.uint16).max


def check_samples(image: Image.Image) -> None:
    """Check that the range of an open image's values is known.

    Raises:
        UnusableImageError: It is not; the message says what they are.
    """
    if image.mode == "F":
        raise UnusableImageError("floating point: its white is unknown")
    if image.format == "TIFF":
        check_integers(image)


def shallow_gray(image: Image.Image) -> NDArray[np.uint8]:
    """Return the values of a loaded image of `DEEP_GRAY` as 8 bits, [H, W]; black is 0.

    Raises:
        UnusableImageError: Their range is not known.
    """
    levels, white = _levels(image)
    return scaled(levels, white, 255).astype(np.uint8)


def deep_gray(image: Image.Image) -> NDArray[np.uint16]:
    """Return the values of a loaded image of `DEEP_GRAY` as 16 bits, [H, W]; black is 0.

    Raises:
        UnusableImageError: 16 bits do not hold them.
    """
    levels, white = _levels(image)
    found = levels if white == DEEPEST else scaled(levels, white, DEEPEST)
    return found.astype(np.uint16, copy=False)


def _levels(image: Image.Image) -> tuple[np.ndarray, int]:
    """Return values from 0, black, to white, and white."""
    levels = np.asarray(image)
    low, high = int(levels.min()), int(levels.max())
    if not 0 <= low <= high <= DEEPEST:
        raise UnusableImageError(f"gray values of {low} to {high}, beyond 0 to {DEEPEST}")
    if image.format != "TIFF":
        return levels, DEEPEST
    white = min(white_of(image), DEEPEST)
    return (white - levels if is_inverted(image) else levels), white

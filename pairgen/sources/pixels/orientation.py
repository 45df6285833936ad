"""How a picture is turned and mirrored: the EXIF orientation, or that of XMP."""

import numpy as np
from PIL import ExifTags, Image

from pairgen.sources.pixels.tiff import stored_size

SIDEWAYS = (5, 6, 7, 8)
# Where Pillow keeps what it finds the orientation in.
_SOURCES = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")


def orientation_of(image: Image.Image) -> int:
    """Return the orientation of an open image, 1 to 8; 1 for none that can be read.

    Raises:
        Exception: Whatever Pillow raises on a PNG whose pixels are damaged.
    """
    if image.format == "PNG" and "exif" not in image.info:
        # What stands behind the pixels is read with them.
        image.load()
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        # The decoder has turned it already.
        return 1
    if image.format != "TIFF" and image.info.keys().isdisjoint(_SOURCES):
        return 1
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
        return int(found) if found in range(1, 9) else 1
    # The picture is fine without its EXIF, whatever is wrong there.
    except Exception:
        return 1


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height of an open image that is not loaded yet, as it is seen."""
    # Some versions of Pillow report a TIFF's size as it is seen, others as it is stored.
    width, height = stored_size(image) if image.format == "TIFF" else image.size
    return (height, width) if orientation_of(image) in SIDEWAYS else (width, height)


def remaining_orientation(image: Image.Image) -> int:
    """Return how the pixels of an image have to be turned once it is loaded."""
    # Pillow turns a TIFF when it loads it.
    return 1 if image.format == "TIFF" else orientation_of(image)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror pixels [H, W, C] as an orientation from 1 to 8 says."""
    if orientation in SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels

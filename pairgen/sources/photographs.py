"""Decode one image file: which kinds are accepted, and how each is converted to RGB.

| kind | rule |
|---|---|
| JPEG, PNG, WebP, TIFF, BMP, GIF | read by their content, whatever the name says |
| HEIC, AVIF, JPEG XL | too, with the packages of `pairgen[images]` |
| EXIF orientation | applied |
| ICC profile | converted to sRGB, relative colorimetric; one that cannot be read is ignored |
| gray, 1 bit, palette | the same value in R, G and B; the palette's colours |
| 16 bits | gray: divided by 257; colour: the upper 8 bits |
| 12 bits, gray | scaled by 255 / 4095 |
| white is zero | inverted |
| CMYK, YCbCr, Lab | by the profile, else by Pillow's formula |
| transparent | laid on white |
| animated, several pages | the first frame or page; a preview of another page is refused |
| floating point, signed, more than 16 bits | refused: its white is unknown |
"""

import io
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pairgen.sources.pixels.colours import is_srgb, to_rgb
from pairgen.sources.pixels.gray import DEEP_GRAY, check_samples, deep_gray
from pairgen.sources.pixels.opening import is_first_of_many, opened
from pairgen.sources.pixels.orientation import remaining_orientation, upright, upright_size
from pairgen.sources.pixels.reasons import SkippedImageError, UnusableImageError
from pairgen.sources.pixels.tiff import check_integers
from pairgen.sources.pixels.transparency import is_any_transparent

__all__ = (
    "DEEP_GRAY",
    "ImageSize",
    "SkippedImageError",
    "UnusableImageError",
    "decode_as_stored",
    "decode_rgb",
    "has_transparent_pixels",
    "needs_conversion",
    "opened",
    "read_format",
    "read_size",
)
_GRAY = ("1", "L")


@dataclass(frozen=True)
class ImageSize:
    """Width and height in pixels, after the EXIF orientation.

    Attributes:
        width: Width.
        height: Height.
        is_first_of_many: Whether it is the first frame or page of a file that has more.
    """

    width: int
    height: int
    is_first_of_many: bool = field(default=False, compare=False, repr=False)


def read_size(file: BinaryIO) -> ImageSize:
    """Read the size from the header of an open file, without decoding it where that is enough.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    with opened(file) as image:
        check_samples(image)
        return ImageSize(*upright_size(image), is_first_of_many=is_first_of_many(image))


def read_format(file: BinaryIO) -> str:
    """Read the format from the header of an open file: Pillow's name; MPO for a phone's JPEG.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    with opened(file) as image:
        return str(image.format)


def needs_conversion(file: BinaryIO) -> str:
    """Return why readers of plain pixels would show an open image otherwise; empty if they do not.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    with opened(file) as image:
        if is_first_of_many(image):
            return "several frames"
        if image.has_transparency_data:
            return "transparency"
        if image.mode == "CMYK":
            return "CMYK colors"
        if image.mode in DEEP_GRAY:
            return "16 bits"
        profile = image.info.get("icc_profile")
        return "a color profile other than sRGB" if profile and not is_srgb(profile) else ""


def decode_rgb(data: bytes) -> NDArray[np.uint8]:
    """Decode an image by the rules above.

    Returns:
        RGB values, [H, W, 3].

    Raises:
        UnusableImageError: The image cannot be used.
    """
    with opened(io.BytesIO(data)) as image:
        size, orientation = upright_size(image), remaining_orientation(image)
        image.load()
        return _checked(upright(to_rgb(image, data), orientation), size)


def decode_as_stored(data: bytes) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Decode an image, gray ones with their bits: masks, edges, depth maps.

    Returns:
        Gray values, [H, W, 1] uint8, or uint16 for more than 8 bits; RGB values, [H, W, 3] uint8,
        of any other image. Black is 0; white is 255, or 65535.

    Raises:
        UnusableImageError: The image cannot be used, or has gray values that 16 bits do not hold.
    """
    with opened(io.BytesIO(data)) as image:
        size, orientation = upright_size(image), remaining_orientation(image)
        image.load()
        if image.mode in DEEP_GRAY:
            return _checked(upright(deep_gray(image)[..., None], orientation), size)
        if image.mode in _GRAY:
            if image.format == "TIFF":
                check_integers(image)
            levels = np.asarray(image.convert("L"), np.uint8)
            return _checked(upright(levels[..., None], orientation), size)
    return decode_rgb(data)


def _checked(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return pixels [H, W, C] if they have the size, width and height, that the header says.

    Raises:
        UnusableImageError: They have another, which some decoders allow.
    """
    height, width = pixels.shape[:2]
    if (width, height) != size:
        raise UnusableImageError(f"{width} x {height} px, but {size[0]} x {size[1]} by its header")
    return np.ascontiguousarray(pixels)


def has_transparent_pixels(data: bytes) -> bool:
    """Whether a pixel of an image is transparent, wholly or in part.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    with opened(io.BytesIO(data)) as image:
        image.load()
        return is_any_transparent(image, data)

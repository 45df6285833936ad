"""Decode one image file: which kinds are accepted, and how each is converted to RGB.

| kind | rule |
|---|---|
| JPEG, PNG, WebP, TIFF, BMP | read by their content, whatever the name says |
| EXIF orientation | applied |
| ICC profile | converted to sRGB, relative colorimetric; one that cannot be read is ignored |
| gray, 1 bit, palette | the same value in R, G and B; the palette's colours |
| 16 bits | gray: divided by 257; colour: the upper 8 bits |
| CMYK, YCbCr, Lab | by the profile, else by Pillow's formula |
| transparent | laid on white |
| animated, several pages | refused, except for a phone's JPEG (MPO): its first image |
| floating point | refused: its white is unknown |
"""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
# More pixels than any camera takes; decoding this many takes 0.9 GB.
MAX_PIXELS = 2**27
_GRAY = ("1", "L")
DEEP_GRAY = ("I;16", "I;16L", "I;16B", "I")
DEEPEST = np.iinfo(np.uint16).max
# EXIF orientations that swap width and height.
_ORIENTATION, _SIDEWAYS = 0x0112, (5, 6, 7, 8)


class UnusableImageError(Exception):
    """The image cannot be used; the message is the reason in the list of rejected images."""


class SkippedImageError(UnusableImageError):
    """An image or crop that one of the user's thresholds excludes; nothing is wrong with it."""


@dataclass(frozen=True)
class ImageSize:
    """Width and height in pixels, after the EXIF orientation."""

    width: int
    height: int


def read_size(file: BinaryIO) -> ImageSize:
    """Read the size from the header of an open file, without decoding.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    with opened(file) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _SIDEWAYS:
            width, height = height, width
        return ImageSize(width, height)


def read_format(file: BinaryIO) -> str:
    """Read the format from the header of an open file: one of `FORMATS`, or MPO for a phone's JPEG.

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
        if image.has_transparency_data:
            return "transparency"
        if image.mode == "CMYK":
            return "CMYK colours"
        if image.mode in DEEP_GRAY:
            return "16 bits"
        profile = image.info.get("icc_profile")
        return "a colour profile other than sRGB" if profile and not _is_srgb(profile) else ""


def _is_srgb(profile: bytes) -> bool:
    """Whether a colour profile says that it is sRGB."""
    try:
        return "srgb" in ImageCms.getProfileDescription(io.BytesIO(profile)).lower()
    except (ImageCms.PyCMSError, OSError):
        # `decode_rgb` ignores it too.
        return True


def decode_rgb(data: bytes) -> NDArray[np.uint8]:
    """Decode an image by the rules above.

    Returns:
        RGB values, [H, W, 3].

    Raises:
        UnusableImageError: The image cannot be used.
    """
    with opened(io.BytesIO(data)) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        profile = image.info.get("icc_profile")
        return np.asarray(_to_rgb(upright, profile), np.uint8)


def decode_as_stored(data: bytes) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Decode an image, gray ones without a conversion: masks, edges, depth maps.

    Returns:
        Gray values, [H, W, 1] uint8, or uint16 for 16 bits; RGB values, [H, W, 3] uint8, of any
        other image.

    Raises:
        UnusableImageError: The image cannot be used, or has gray values that 16 bits do not hold.
    """
    with opened(io.BytesIO(data)) as image:
        image.load()
        if image.mode in _GRAY:
            return np.asarray(ImageOps.exif_transpose(image).convert("L"), np.uint8)[..., None]
        if image.mode in DEEP_GRAY:
            levels = np.asarray(ImageOps.exif_transpose(image))
            low, high = int(levels.min()), int(levels.max())
            if not 0 <= low <= high <= DEEPEST:
                raise UnusableImageError(f"gray values of {low} to {high}, beyond 0 to {DEEPEST}")
            return levels.astype(np.uint16)[..., None]
    return decode_rgb(data)


def has_transparent_pixels(data: bytes) -> bool:
    """Whether a pixel of an image is transparent, wholly or in part.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    with opened(io.BytesIO(data)) as image:
        image.load()
        if not image.has_transparency_data:
            return False
        if image.mode in DEEP_GRAY:
            # Pillow gives these no alpha by their transparent level.
            return bool((np.asarray(image) == image.info["transparency"]).any())
        return bool((np.asarray(image.convert("RGBA"))[..., 3] < 255).any())


@contextmanager
def opened(file: BinaryIO) -> Iterator[Image.Image]:
    """Open an image; turn every failure, here or in the block, into one reason.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    if not file.read(1):
        raise UnusableImageError("empty file")
    file.seek(0)
    # Pillow warns about odd tags and large images; here an image is used or has a reason.
    with (
        warnings.catch_warnings(action="ignore"),
        _reasons(),
        Image.open(file, formats=FORMATS) as image,
    ):
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise UnusableImageError(f"too large: {width} x {height} px")
        num_frames = getattr(image, "n_frames", 1)
        if num_frames > 1 and image.format != "MPO":
            raise UnusableImageError(f"{num_frames} frames or pages")
        if image.mode == "F":
            raise UnusableImageError("floating point")
        yield image


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn exceptions from Pillow into a reason."""
    try:
        yield
    except UnidentifiedImageError:
        raise UnusableImageError(f"no {', '.join(FORMATS)} image") from None
    except Image.DecompressionBombError:
        raise UnusableImageError("too large") from None
    # Pillow does not document what its decoders raise on broken files.
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        struct.error,
        KeyError,
        IndexError,
    ) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnusableImageError(f"cannot be decoded: {reason}") from None


def _to_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode in DEEP_GRAY:
        levels = np.rint(np.asarray(image, np.float64).clip(0, DEEPEST) / 257).astype(np.uint8)
        image = Image.fromarray(levels)
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image).convert("RGB")
    if profile and image.mode in ("RGB", "L", "CMYK"):
        image = _to_srgb(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert by the profile; ignore a profile that does not fit the image."""
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError):
        return image
    assert converted is not None
    return converted

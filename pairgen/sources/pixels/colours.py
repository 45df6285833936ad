"""From the colours of a file to sRGB: its profile, or Pillow's formulas."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pairgen.sources.pixels.gray import DEEP_GRAY, check_samples, shallow_gray
from pairgen.sources.pixels.transparency import key_pixels, on_white

_IN_GRAY = ("1", "L")
# Colours that Pillow turns into RGB by a formula, which a profile of RGB then describes.
_OF_RGB = ("YCbCr", "RGBX")
# A larger image is turned in parts, of which no copies are held.
BAND_PIXELS = 2**24
_SPACE, _OF_COLOURS = slice(16, 20), b"RGB "


def to_rgb(image: Image.Image, data: bytes) -> NDArray[np.uint8]:
    """Return a loaded image as sRGB on white, [H, W, 3].

    Args:
        image: The image.
        data: Its file.

    Raises:
        UnusableImageError: The range of its values is not known.
    """
    check_samples(image)
    key, profile = key_pixels(image, data), image.info.get("icc_profile")
    if image.mode in DEEP_GRAY:
        image = Image.fromarray(shallow_gray(image))
    width, height = image.size
    num_rows = max(1, BAND_PIXELS // width)
    if num_rows >= height:
        return _part_to_rgb(image, key, profile)
    found = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, num_rows):
        rows = slice(top, min(top + num_rows, height))
        part = image.crop((0, rows.start, width, rows.stop))
        found[rows] = _part_to_rgb(part, None if key is None else key[rows], profile)
    return found


def _part_to_rgb(
    image: Image.Image, key: NDArray[np.bool_] | None, profile: bytes | None
) -> NDArray[np.uint8]:
    """Return an image, or some rows of one: every pixel is turned by itself."""
    has_alpha = image.has_transparency_data
    image = on_white(image, key)
    if image.mode in _IN_GRAY:
        # Colours with alpha are often written gray under their profile of RGB.
        mode = "RGB" if has_alpha and profile and profile[_SPACE] == _OF_COLOURS else "L"
        image = image.convert(mode)
    elif image.mode in _OF_RGB:
        image = image.convert("RGB")
    if profile and image.mode in ("RGB", "L", "CMYK"):
        image = _to_srgb(image, profile)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"), np.uint8)


def is_srgb(profile: bytes) -> bool:
    """Whether a colour profile says that it is sRGB; one that cannot be read is ignored, too."""
    try:
        return "srgb" in ImageCms.getProfileDescription(io.BytesIO(profile)).lower()
    except (ImageCms.PyCMSError, OSError):
        return True


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

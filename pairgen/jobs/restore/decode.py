"""Decode a picture with all that it holds: gray or colour, alpha, 16 bits, metadata.

| kind | what is restored |
|---|---|
| gray, 1 bit | one channel |
| palette | its colours; one channel if all are gray |
| 16 bits, gray or colour | as they are |
| transparent | colour and alpha apart |
| CMYK, Lab, HSV | converted to sRGB as for training; its profile is dropped |
| EXIF orientation | applied, and the tag removed |
| ICC profile | the values as they are; the result has the same profile |

What `pairgen.sources.photographs` refuses is refused here.
"""

import io
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from pairgen.jobs.restore.metadata import Metadata, read_metadata
from pairgen.sources.photographs import DEEP_GRAY, decode_rgb, opened
from pairgen.sources.pixels.gray import check_samples, deep_gray
from pairgen.sources.pixels.orientation import orientation_of, remaining_orientation, upright
from pairgen.sources.pixels.transparency import key_pixels

MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBa": "RGBA"}
WHITE = np.uint16(65535)
# Modes of 16 bits that Pillow reads as 8.
MADE_SHALLOW = ("LA", "RGB", "RGBA", "RGBX")


@dataclass(frozen=True)
class Picture:
    """A decoded file.

    Attributes:
        pixels: [H, W, C], upright; uint8 or uint16. C = 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and
            alpha.
        metadata: What the file holds beside them.
    """

    pixels: np.ndarray
    metadata: Metadata


def decode_picture(data: bytes) -> Picture:
    """Decode a picture by the rules above.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    with opened(io.BytesIO(data)) as image:
        # Before the pixels are loaded, which changes the tags of a TIFF.
        deep, orientation = _deep_mode(image), orientation_of(image)
        turn = remaining_orientation(image)
        image.load()
        metadata = read_metadata(image)
        pixels = _read_deep(data, deep) if deep else None
        if pixels is not None:
            turn = orientation
        else:
            pixels = _pixels(image, data)
    if pixels is None:
        return Picture(decode_rgb(data), replace(metadata, icc_profile=b""))
    return Picture(np.ascontiguousarray(upright(pixels, turn)), metadata)


def _deep_mode(image: Image.Image) -> str:
    """Return Pillow's name of colours of 16 bits, such as `RGB;16B`; empty for other pixels.

    Args:
        image: An open file, whose pixels are not loaded yet.
    """
    parts = getattr(image, "tile", ())
    if image.format not in ("PNG", "TIFF") or image.mode not in MADE_SHALLOW or not parts:
        return ""
    stored = parts[0][3]
    name = stored if isinstance(stored, str) else str(stored[0])
    return name if ";16" in name else ""


def _read_deep(data: bytes, mode: str) -> np.ndarray | None:
    """Decode colours of 16 bits; None if OpenCV cannot."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint16 or found.ndim != 3:
        return None
    if mode.startswith("LA"):
        return found[..., [0, -1]]
    return found[..., [2, 1, 0, 3][: found.shape[2]]]


def _pixels(image: Image.Image, data: bytes) -> np.ndarray | None:
    """Return the pixels of a loaded image; None if it must be converted to sRGB."""
    check_samples(image)
    key = key_pixels(image, data)
    if image.mode in DEEP_GRAY:
        levels = deep_gray(image)
        return levels[..., None] if key is None else np.dstack((levels, ~key * WHITE))
    mode = MODES.get(image.mode)
    if image.mode in ("P", "PA") or (mode and image.has_transparency_data):
        mode = _without_palette(image, mode)
    if mode is None:
        return None
    pixels = np.asarray(image.convert(mode), np.uint8)
    if key is not None:
        pixels = np.dstack((pixels[..., :-1], np.uint8(255) * ~key))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _without_palette(image: Image.Image, mode: str | None) -> str:
    """Return the mode of an image with a palette, or with a transparent colour."""
    if mode is None:
        colors = np.asarray(image.convert("RGB"))
        is_gray = bool((colors == colors[..., :1]).all())
    else:
        is_gray = mode in ("L", "LA")
    return ("L" if is_gray else "RGB") + "A" * image.has_transparency_data

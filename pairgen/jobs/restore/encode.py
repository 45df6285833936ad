"""Encode a restored picture with its metadata."""

import io
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from pairgen.jobs.restore.deep_png import encode_deep_png
from pairgen.jobs.restore.metadata import MAX_IN_JPEG, Metadata
from pairgen.sources.photographs import UnusableImageError

# By number of channels.
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# Longest side that a format can say, in pixels.
MAX_SIDES = {"png": 2**31 - 1, "jpg": 65_500, "webp": 16_383}
# Of a result, which is in memory as a whole: 12 bytes a pixel, three times.
MAX_PIXELS = 2**29
OPTIONS: dict[str, dict[str, Any]] = {
    "png": {"format": "PNG"},
    "jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    # Colours below transparency are kept too.
    "webp": {"format": "WEBP", "lossless": True, "exact": True},
}


def check_size(width: int, height: int, kind: str) -> None:
    """Check that a format and the memory hold a result of this size.

    Raises:
        UnusableImageError: They do not.
    """
    if max(width, height) > MAX_SIDES[kind]:
        raise UnusableImageError(f"too large for {kind}: the result has {width} x {height} px")
    if width * height > MAX_PIXELS:
        raise UnusableImageError(f"too large: the result has {width} x {height} px")


def encode_picture(pixels: np.ndarray, metadata: Metadata, kind: str) -> bytes:
    """Encode a picture.

    Args:
        pixels: [H, W, C] uint8 or uint16, see `Picture`.
        metadata: What its file holds beside the pixels.
        kind: `png`, `jpg` or `webp`; the last two hold 8 bits, which 16 are rounded to.

    Raises:
        UnusableImageError: The format does not hold transparency.
    """
    if kind == "jpg" and pixels.shape[2] in (2, 4):
        raise UnusableImageError("transparent, which jpg does not hold")
    if pixels.dtype == np.uint16:
        if kind == "png":
            profile = metadata.profile_for(pixels.shape[2])
            return encode_deep_png(pixels, profile, metadata.exif, _png_info(metadata))
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if kind == "webp" and pixels.shape[2] < 3:
        pixels = pixels[..., [0, 0, 0, 1][: pixels.shape[2] + 2]]
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    assert image.mode == MODES[pixels.shape[2]]
    file = io.BytesIO()
    image.save(file, **OPTIONS[kind], **_saved(metadata, pixels.shape[2], kind))
    return file.getvalue()


def _saved(metadata: Metadata, num_channels: int, kind: str) -> dict[str, Any]:
    """Return Pillow's options that write the metadata."""
    largest = MAX_IN_JPEG if kind == "jpg" else 2**31
    found: dict[str, Any] = {
        "icc_profile": metadata.profile_for(num_channels),
        "exif": metadata.exif if len(metadata.exif) < largest else b"",
        "dpi": metadata.dpi,
    }
    if kind == "png":
        found["pnginfo"] = _png_info(metadata)
    elif len(metadata.xmp) < largest:
        found["xmp"] = metadata.xmp
    return {name: value for name, value in found.items() if value}


def _png_info(metadata: Metadata) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for name, text in metadata.texts.items():
        info.add_text(name, text)
    if metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", errors="replace"))
    return info

"""The image members of a sample, and what a plan says about their pixels.

| dtype and shape in the plan | image |
|---|---|
| uint8 [H, W, 3] | RGB; a gray image has the same value in R, G and B |
| uint8 [H, W, 1] | one channel, as stored: masks, edges; png or jpg |
| uint16 [H, W, 1] | one channel of 16 bits, as stored: depth; png |
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pairgen.sources.photographs import decode_as_stored, decode_rgb

PICTURES = ("png", "jpg", "webp")
# Channels and dtype.
_PIXELS = ((3, "uint8"), (1, "uint8"), (1, "uint16"))


def is_image(extension: str) -> bool:
    """Whether a member is an image, judged by its extension: `png`, `lr4.png`, `mask.png`."""
    return extension.rpartition(".")[2] in PICTURES


def has_one_channel(spec: Mapping[str, Any]) -> bool:
    """Whether a plan says that an image has one channel."""
    return list(spec["shape"][2:]) == [1]


def is_image_spec(spec: Mapping[str, Any]) -> bool:
    """Whether dtype and shape in a plan are those of an image."""
    shape = spec.get("shape", ())
    return len(shape) == 3 and (shape[2], spec.get("dtype")) in _PIXELS


def decode_image(data: bytes, spec: Mapping[str, Any]) -> np.ndarray:
    """Decode an image member completely.

    Args:
        data: The encoded image.
        spec: Its dtype and shape in the plan. Where it has one channel, nothing is converted.

    Returns:
        The pixels, [H, W, C]. A colour image that should have one channel comes in RGB.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    return decode_as_stored(data) if has_one_channel(spec) else decode_rgb(data)

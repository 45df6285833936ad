"""Read the pixels of stored images fast into a batch."""

import cv2
import numpy as np

from pairgen.shards.loading.framing import Frame

# One channel is read as stored: neither as three channels, nor in 8 bits.
_AS_STORED = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH


class UnplannedImageError(Exception):
    """An image is not the planned one; the message says what it is instead."""


def read_image(data: np.ndarray, shape: tuple[int, ...], frame: Frame, target: np.ndarray) -> None:
    """Decode an image and copy a part of it.

    Args:
        data: The encoded image, uint8 [num_bytes].
        shape: Its planned shape, [H, W, C]; its planned dtype is that of `target`.
        frame: The part to copy.
        target: Receives the part, [h, w, C]; C is 3 for RGB, else 1.

    Raises:
        UnplannedImageError: The image cannot be decoded, or has another shape or dtype.
    """
    is_rgb = shape[2] == 3
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR if is_rgb else _AS_STORED)
    if decoded is None:
        raise UnplannedImageError("not an image")
    found = decoded.shape if decoded.ndim == 3 else (*decoded.shape, 1)
    if found != shape or decoded.dtype != target.dtype:
        raise UnplannedImageError(f"{decoded.dtype} {list(found)}")
    part = frame.cut(decoded)
    if is_rgb:
        cv2.cvtColor(part, cv2.COLOR_BGR2RGB, dst=target)
    else:
        target[..., 0] = part

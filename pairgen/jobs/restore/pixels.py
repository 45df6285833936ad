"""Pixels of a picture as a student takes them, and back: gray, alpha, 16 bits, any size.

A picture is an array [H, W] or [H, W, C] of uint8 or uint16: C = 1 gray, 2 gray and alpha, 3 RGB,
4 RGB and alpha.
"""

import hashlib
from dataclasses import dataclass
from math import gcd

import numpy as np
import torch
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.sampling.enlarge import enlarge
from pairgen.sampling.signed import to_signed

# Gray from red, green and blue, as image formats define it (ITU-R 601).
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Planes:
    """A picture taken apart.

    Attributes:
        color: [H, W, 1] or [H, W, 3] uint8 or uint16.
        alpha: [H, W, 1] of the same dtype; None for none.
    """

    color: np.ndarray
    alpha: np.ndarray | None


def take_apart(picture: np.ndarray) -> Planes:
    """Take a picture apart.

    Raises:
        ConfigError: The array is no picture.
    """
    pixels = picture[..., None] if picture.ndim == 2 else picture
    fits = pixels.ndim == 3 and pixels.shape[2] in (1, 2, 3, 4) and pixels.size > 0
    if not fits or pixels.dtype not in (np.uint8, np.uint16):
        raise ConfigError(
            "A picture must be an array [H, W], or [H, W, C] with 1 to 4 channels, of uint8 or "
            f"uint16, got {picture.dtype} {list(picture.shape)}."
        )
    num = 1 if pixels.shape[2] < 3 else 3
    has_alpha = pixels.shape[2] > num
    return Planes(pixels[..., :num], pixels[..., num:] if has_alpha else None)


def picture_index(picture: np.ndarray) -> int:
    """Return the number by which a picture's noises are drawn: it follows from its pixels alone."""
    digest = hashlib.sha256(f"{picture.dtype} {list(picture.shape)} ".encode())
    digest.update(np.ascontiguousarray(picture).data)
    return int.from_bytes(digest.digest()[:8], "big") >> 1


def enlarged(color: np.ndarray, scale: int, factor: int) -> Tensor:
    """Enlarge a picture, and reflect it at its lower and right border until a VAE can encode it.

    Args:
        color: [h, w, 1] or [h, w, 3].
        scale: Factor.
        factor: What height and width must be multiples of.

    Returns:
        [1, 3, H, W] float32 in [-1, 1], on the CPU; H and W are at least s h and s w.
    """
    step = factor // gcd(scale, factor)
    rows, columns = (reflected(length, -(-length // step) * step) for length in color.shape[:2])
    padded = torch.from_numpy(np.ascontiguousarray(color[rows][:, columns]))
    return enlarge(to_signed(padded[None]), scale).expand(-1, 3, -1, -1).contiguous()


def reflected(length: int, wanted: int) -> np.ndarray:
    """Return the indices of an axis that is continued by reflection: 0 1 2 1 0 1 ..."""
    period = max(2 * (length - 1), 1)
    places = np.arange(wanted) % period
    return np.minimum(places, period - places) if length > 1 else np.zeros(wanted, np.int64)


def to_levels(image: Tensor, like: np.ndarray) -> np.ndarray:
    """Return an image [C, H, W] in [0, 1] as levels [H, W, C], with channels and dtype of another.

    One value of a gray picture is the luma of RGB.
    """
    if like.shape[2] == 1 and len(image) == 3:
        image = sum(weight * channel for weight, channel in zip(LUMA, image, strict=True))[None]
    highest = np.iinfo(like.dtype).max
    levels = np.empty((*image.shape[1:], len(image)), like.dtype)
    for number, channel in enumerate(image):
        levels[..., number] = (channel * highest).round_().clamp_(0, highest).numpy()
    return levels


def enlarged_alpha(alpha: np.ndarray, scale: int) -> np.ndarray:
    """Return an alpha plane [h, w, 1], enlarged to [s h, s w, 1]."""
    signed = to_signed(torch.from_numpy(np.ascontiguousarray(alpha))[None])
    return to_levels((enlarge(signed, scale)[0] + 1) / 2, alpha)


def as_rgb(image: Tensor) -> np.ndarray:
    """Return an image [1, 3, H, W] in [-1, 1] as uint8 levels [H, W, 3]."""
    return to_levels((image[0] + 1).div_(2), np.empty((1, 1, 3), np.uint8))

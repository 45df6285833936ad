"""Enlarge a low-resolution image to the size of its target: the one way for all that encode it."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

BICUBIC = "bicubic"
# The ways that OSEDiff's loader draws from, one for each image.
MODES = ("area", "bilinear", BICUBIC)


def enlarge(image: Tensor, scale: int, modes: Sequence[str] = ()) -> Tensor:
    """Return images [B, C, scale H, scale W] in [-1, 1].

    Args:
        image: Images, [B, C, H, W] in [-1, 1].
        scale: Factor; 1 returns the images themselves.
        modes: How each image is interpolated, one of `MODES`, B; () for bicubic interpolation.
    """
    if scale == 1:
        return image
    if modes:
        rows = zip(image.split(1), modes, strict=True)
        return torch.cat([_enlarged(row, scale, mode) for row, mode in rows])
    return _enlarged(image, scale, BICUBIC)


def _enlarged(image: Tensor, scale: int, mode: str) -> Tensor:
    corners = {} if mode == "area" else {"align_corners": False}
    larger = F.interpolate(image, scale_factor=scale, mode=mode, **corners)
    # In place: a second copy of a large picture is gigabytes.
    return larger.clamp_(-1, 1)

"""Enlarge a low-resolution image to the size of its target: the one way for all that encode it."""

import torch.nn.functional as F
from torch import Tensor


def enlarge(image: Tensor, scale: int) -> Tensor:
    """Return images [B, C, scale H, scale W] in [-1, 1], by bicubic interpolation.

    Args:
        image: Images, [B, C, H, W] in [-1, 1].
        scale: Factor; 1 returns the images themselves.
    """
    if scale == 1:
        return image
    larger = F.interpolate(image, scale_factor=scale, mode="bicubic", align_corners=False)
    return larger.clamp_(-1, 1)

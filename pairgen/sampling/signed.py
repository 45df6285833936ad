"""Pixels as networks take them."""

import torch
from torch import Tensor


def to_signed(images: Tensor) -> Tensor:
    """Convert images to the range of networks.

    Args:
        images: [B, H, W, C] uint8 or uint16.

    Returns:
        [B, C, H, W] float32 in [-1, 1]: 0 is -1, the largest value of the dtype is 1, and every
        other value is the nearest float32.
    """
    highest = torch.iinfo(images.dtype).max
    if images.dtype == torch.uint16:
        # torch computes with few operations on uint16, on a CUDA device with fewer.
        images = images.view(torch.int16).to(torch.int32).bitwise_and(highest)
    channels_first = images.permute(0, 3, 1, 2)
    values = channels_first.to(torch.float32, memory_format=torch.contiguous_format)
    # CUDA multiplies by the rounded reciprocal of a number, but divides exactly by a tensor.
    divisor = torch.full((), highest, dtype=torch.float32, device=images.device)
    return values.mul_(2).sub_(highest).div_(divisor)

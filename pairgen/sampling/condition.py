"""What a condition branch sees: a picture, or the known part of one."""

import torch
from torch import Tensor

# Channels of a condition, and of one with a mask.
RGB, RGB_AND_MASK = 3, 4


def as_condition(given: Tensor) -> Tensor:
    """Return pictures as conditions, [B, K, H, W] in [0, 1].

    Args:
        given: Pictures, [B, K, H, W] in [-1, 1].
    """
    return given.add(1).div(2).clamp(0, 1)


def known_part(picture: Tensor, mask: Tensor) -> Tensor:
    """Return pictures without what shall be painted, with the mask as a fourth channel.

    Args:
        picture: Pictures, [B, 3, H, W] in [-1, 1].
        mask: Masks, [B, 1, H, W] in [-1, 1], above 0 where a picture is to be painted.

    Returns:
        [B, 4, H, W] in [-1, 1]: black where it is to be painted; the mask -1 or 1.
    """
    painted = mask > 0
    known = torch.where(painted, torch.full((), -1.0, device=picture.device), picture)
    return torch.cat([known, torch.where(painted, 1.0, -1.0).to(picture)], dim=1)


def paste_known(made: Tensor, given: Tensor) -> Tensor:
    """Return pictures with the known pixels of `known_part` in the place of what was made.

    Args:
        made: Pictures, [B, 3, H, W] in [-1, 1].
        given: The result of `known_part`, [B, 4, H, W].
    """
    return torch.where(given[:, RGB:] > 0, made, given[:, :RGB])

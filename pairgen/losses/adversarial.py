"""The losses of a student and a discriminator that play against each other.

A discriminator gives a map of logits for each of its readouts. Readouts count alike, and so do the
places of a map.

Reference:
    Goodfellow et al. 2014, arXiv:1406.2661: the game, and the student's non-saturating form.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Logits = Sequence[Tensor]


def score(logits: Logits) -> Tensor:
    """Return D, the mean over readouts and places, [B] float32.

    Args:
        logits: Maps [B, 1, H_l, W_l], one for each readout l.
    """
    return torch.stack([each.float().flatten(1).mean(1) for each in logits]).mean(0)


def loss_if_real(logits: Logits) -> Tensor:
    """Return softplus(-D), [B]: small where images are held for real.

    The discriminator's loss of real images; of made ones, the student's.
    """
    return score([F.softplus(-each.float()) for each in logits])


def loss_if_made(logits: Logits) -> Tensor:
    """Return softplus(D), [B]: small where images are held for made."""
    return score([F.softplus(each.float()) for each in logits])


def gradient_penalty(logits: Logits, x: Tensor) -> Tensor:
    """Return |grad_x D|^2 of each sample, [B], through which gradients flow to the discriminator.

    D is here the sum over places, and the mean over readouts. So what a place of x does to the
    logits that it reaches does not fade with the size of x, and the sum of its square over the
    places grows with it: a gamma of one size is none of another.

    Args:
        logits: Of `x`.
        x: Images or latents [B, C, H, W] that the logits were computed from.

    Reference:
        Mescheder et al. 2018, arXiv:1801.04406, Eq. 9: R1, here without gamma / 2.
    """
    judged = torch.stack([each.float().sum() for each in logits]).mean()
    (slope,) = torch.autograd.grad(judged, x, create_graph=True)
    return slope.float().square().flatten(1).sum(1)

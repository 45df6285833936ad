"""The losses of a student and a discriminator that play against each other.

A discriminator returns a map of logits for each of its readouts. All readouts have equal weight,
and so do all places of a map: the losses of D, the logit of a place, are averaged over them.

| game | discriminator on real | on made | student |
|---|---|---|---|
| `softplus` | softplus(-D) | softplus(D) | softplus(-D) |
| `hinge` | max(0, 1 - D) | max(0, 1 + D) | -D |

Reference:
    Goodfellow et al. 2014, arXiv:1406.2661: the game, and the student's non-saturating form; Lim &
    Ye 2017, arXiv:1705.02894: the hinge.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Logits = Sequence[Tensor]
SOFTPLUS, HINGE = GAMES = ("softplus", "hinge")


def score(logits: Logits) -> Tensor:
    """Return D, the mean over readouts and places, [B] float32.

    Args:
        logits: Maps [B, 1, H_l, W_l], one for each readout l.
    """
    return torch.stack([each.float().flatten(1).mean(1) for each in logits]).mean(0)


def loss_if_real(logits: Logits) -> Tensor:
    """Return softplus(-D), [B]: small if images are classified as real.

    It is the discriminator's loss on real images, and the student's loss on its own.
    """
    return score([F.softplus(-each.float()) for each in logits])


def loss_if_made(logits: Logits) -> Tensor:
    """Return softplus(D), [B]: small if images are classified as generated."""
    return score([F.softplus(each.float()) for each in logits])


def discriminator_loss(game: str, real: Logits, made: Logits) -> tuple[Tensor, Tensor]:
    """Return the discriminator's losses on real and on generated images, [B] each.

    Args:
        game: `softplus` or `hinge`.
        real: Logits of real images.
        made: Logits of generated ones.
    """
    if game == SOFTPLUS:
        return loss_if_real(real), loss_if_made(made)
    margins = (
        [F.relu(1 - each.float()) for each in real],
        [F.relu(1 + each.float()) for each in made],
    )
    return score(margins[0]), score(margins[1])


def student_loss(game: str, made: Logits) -> Tensor:
    """Return the student's loss on its own images, [B]; see `discriminator_loss`."""
    return loss_if_real(made) if game == SOFTPLUS else -score(made)


def gradient_penalty(logits: Logits, x: Tensor) -> Tensor:
    """Return |grad_x D|^2 of each sample, [B], with gradients that reach the discriminator.

    Here D is the sum over places, and the mean over readouts. So the effect of a place of x on
    the logits that it reaches does not fade with the size of x, and the sum of its square over the
    places grows with it: a gamma tuned for one size does not transfer to another.

    Args:
        logits: Logits of `x`.
        x: Images or latents [B, C, H, W] that the logits were computed from.

    Reference:
        Mescheder et al. 2018, arXiv:1801.04406, Eq. 9: R1, here without gamma / 2.
    """
    judged = torch.stack([each.float().sum() for each in logits]).mean()
    (slope,) = torch.autograd.grad(judged, x, create_graph=True)
    return slope.float().square().flatten(1).sum(1)


def head_penalty(logits: Logits, inputs: Sequence[Tensor]) -> Tensor:
    """Return the gradient penalty of each head by its own input, [B], their mean.

    Args:
        logits: Logits of each head.
        inputs: The features that each read, [B, ...].

    Reference:
        Sauer et al. 2023 (ADD), arXiv:2311.17042, Equation 3: R1 on the inputs of the heads, not on
        pixels. Whether heads are summed is not told there.
    """
    pairs = zip(logits, inputs, strict=True)
    return torch.stack([gradient_penalty([one], each) for one, each in pairs]).mean(0)


def told(real: Logits, made: Logits) -> dict[str, Tensor]:
    """Return the gap between the logits of real and made, and how often their signs are right."""
    on_real, on_made = score(real), score(made)
    right = torch.cat([on_real > 0, on_made < 0]).float().mean()
    return {"gap": (on_real - on_made).mean(), "right": right}

"""Scale distillation: restore what a teacher restores from an image of twice the size.

Letters of the paper: z_h = latents of HR, z_t = alpha z_h + sigma eps, lambda = log(alpha^2 /
sigma^2), omega(lambda) = the weight of an error of x0.

Reference:
    Noroozi et al. 2024 (YONOS-SR), arXiv:2401.17258. Its weights, output type and noise at the last
    time are not published: those here are ours.
"""

import torch
from torch import Tensor

from pairgen.sampling.parameterization import column

OMEGAS = V, TRUNCATED, CONSTANT = ("v", "truncated", "constant")


def noised(z_h: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor, is_noise: Tensor) -> Tensor:
    """Return z_t, the state that teacher and student share, [B, C, H, W].

    Args:
        z_h: Latents of HR, [B, C, H, W].
        eps: Standard normal numbers, [B, C, H, W].
        alpha: alpha at the times, [B].
        sigma: sigma at the times, [B].
        is_noise: Rows whose state is eps alone, as where restoration begins, [B] bool.
    """
    z_t = column(alpha) * z_h + column(sigma) * eps
    return torch.where(column(is_noise), eps, z_t)


def omega(kind: str, alpha: Tensor, sigma: Tensor) -> Tensor:
    """Return the weight of the squared error of x0 at times, [B].

    Args:
        kind: `v`: 1 / sigma^2, with which the loss is the squared error of v, or of a flow; that is
            SNR + 1 where alpha^2 + sigma^2 = 1. `truncated`: max(SNR, 1). `constant`: 1.
        alpha: alpha at the times, [B].
        sigma: sigma at the times, [B], positive.

    Reference:
        Salimans & Ho 2022, arXiv:2202.00512, Section 4.
    """
    if kind == V:
        return sigma.square().reciprocal()
    snr = (alpha / sigma).square()
    return snr.clamp(min=1) if kind == TRUNCATED else torch.ones_like(snr)


def scale_distillation_loss(
    x0: Tensor, x0_teacher: Tensor | None, z_h: Tensor, weight: Tensor, truth_share: float = 0.0
) -> Tensor:
    """Return the weighted mean squared distance of x0 to its target, a scalar.

    The target is (1 - truth_share) x0_teacher + truth_share z_h: no gradient reaches it.

    Args:
        x0: The student's x0 at z_t, given 1/N, [B, C, H, W].
        x0_teacher: The teacher's x0 at the same z_t, given 2/N, [B, C, H, W]; None for the base
            model of the first factor, whose target is z_h.
        z_h: Latents of HR, [B, C, H, W].
        weight: omega(lambda), [B].
        truth_share: Share of z_h in the target, in [0, 1].
    """
    target = z_h if x0_teacher is None else torch.lerp(x0_teacher, z_h, truth_share)
    error = (x0 - target.detach()).square().flatten(1).mean(1)
    return (weight * error).mean()

"""The distance of a student's samples to what a frozen teacher makes of them, noised again.

Letters of the paper: x = the student's sample, x_t = alpha x + sigma eps, c(t) = weight of a time.

Reference:
    Sauer et al. 2023 (ADD), arXiv:2311.17042, Section 3.1, Equation 4; Poole et al. 2022
    (DreamFusion), arXiv:2209.14988: SDS; Katzir et al. 2023, arXiv:2310.17590: NFSD.
"""

import torch
from torch import Tensor

EXPONENTIAL, SDS, NFSD = WEIGHTS = ("exponential", "sds", "nfsd")


def score_weight(kind: str, alpha: Tensor, sigma: Tensor) -> Tensor:
    """Return c(t), [B].

    Args:
        kind: `exponential`: alpha, so that more noise counts less; `sds` and `nfsd`:
            alpha / (2 sigma), with which the gradient of c |x - x0_teacher|^2 is that of SDS at
            w = 1: eps_teacher - eps; or that of NFSD, see `noise_free_residual`.
        alpha: alpha at the times, [B].
        sigma: sigma at the times, [B], positive.
    """
    return alpha if kind == EXPONENTIAL else alpha / (2 * sigma)


def score_distance(x: Tensor, x0_teacher: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of c |x - x0_teacher|^2, a scalar; no gradient reaches the teacher.

    Alone it shrinks what a student makes: the teacher's x0 is a mean, and lies nearer to that of
    the data. On N(0, 1) at c = alpha the standard deviation never stops falling.

    Args:
        x: The student's samples, [B, ...], with gradients.
        x0_teacher: The teacher's x0 at the noised, detached samples, of equal shape.
        weight: c(t), [B].
    """
    return (weight * (x - x0_teacher.detach()).square().flatten(1).mean(1)).mean()


def noise_free_residual(
    eps_prompt: Tensor, eps_empty: Tensor, eps_flawed: Tensor, guidance: float, in_detail: Tensor
) -> Tensor:
    """Return delta_D + s delta_C, in place of the residual of SDS, eps_teacher - eps, [B, ...].

    That of SDS holds the noise that was added. Here delta_C = eps(prompt) - eps(empty), and
    delta_D = eps(empty) where there is little noise, else eps(empty) - eps(flawed), by a prompt
    that says what no image should be.

    Args:
        eps_prompt: The teacher's eps at the noised samples by the prompt, [B, ...].
        eps_empty: By the empty prompt.
        eps_flawed: By the negative prompt.
        guidance: s; published is 7.5.
        in_detail: Whether there is little noise, broadcast to eps: published is t < 200 of 1000.
    """
    delta_c = eps_prompt - eps_empty
    delta_d = torch.where(in_detail, eps_empty, eps_empty - eps_flawed)
    return delta_d + guidance * delta_c


def x0_of_residual(x: Tensor, residual: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """Return the x0 whose distance to samples has a residual, [B, ...].

    x0_teacher = (alpha x + sigma eps - sigma eps_teacher) / alpha = x - sigma / alpha (eps_teacher
    - eps).

    Args:
        x: The student's samples, [B, ...].
        residual: In place of eps_teacher - eps, of equal shape.
        alpha: alpha at the times, broadcast to `x`.
        sigma: sigma at the times.
    """
    return x - sigma / alpha * residual

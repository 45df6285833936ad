"""The distance of a student's samples to what a frozen teacher makes of them, noised again.

Letters of the paper: x = the student's sample, x_t = alpha x + sigma eps, c(t) = weight of a time.

Reference:
    Sauer et al. 2023 (ADD), arXiv:2311.17042, Section 3.1, Equation 4; Poole et al. 2022
    (DreamFusion), arXiv:2209.14988: SDS.
"""

from torch import Tensor

EXPONENTIAL, SDS = WEIGHTS = ("exponential", "sds")


def score_weight(kind: str, alpha: Tensor, sigma: Tensor) -> Tensor:
    """Return c(t), [B].

    Args:
        kind: `exponential`: alpha, so that more noise counts less; `sds`: alpha / (2 sigma), with
            which the gradient of c |x - x0_teacher|^2 is that of SDS at w = 1: eps_teacher - eps.
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

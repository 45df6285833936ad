"""c(t): how much a teacher's x0 weighs at a time, when a student's sample is noised again.

Reference:
    Sauer et al. 2023 (ADD), arXiv:2311.17042, Section 3.1; Poole et al. 2022 (DreamFusion),
    arXiv:2209.14988: SDS.
"""

from torch import Tensor

EXPONENTIAL, SDS = WEIGHTS = ("exponential", "sds")


def score_weight(kind: str, alpha: Tensor, sigma: Tensor) -> Tensor:
    """Return c(t), [B].

    Args:
        kind: `exponential`: alpha, so that more noise counts less; `sds`: alpha / (2 sigma), with
            which the gradient of c |x0 - x0_teacher|^2 is that of SDS at w = 1: eps_teacher - eps.
        alpha: alpha at the times, [B].
        sigma: sigma at the times, [B], positive.
    """
    return alpha if kind == EXPONENTIAL else alpha / (2 * sigma)

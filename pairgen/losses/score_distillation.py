"""Variational score distillation: the direction from a student's latents to a teacher's."""

import torch.nn.functional as F
from torch import Tensor


def vsd_direction(latent: Tensor, x0_teacher: Tensor, x0_student: Tensor, epsilon: float) -> Tensor:
    """Return (x0_student - x0_teacher) / (mean |z - x0_teacher| + epsilon), [B, C, H, W].

    The mean is over C, H and W, for each sample. Where the teacher's guess of the noised latent is
    far off, which is so at high noise, the direction is as long as where it is close.

    Args:
        latent: The student's latents z, before noise was added, [B, C, H, W].
        x0_teacher: x0 that the frozen teacher predicts from the noised latents, [B, C, H, W].
        x0_student: x0 that the regularizer, the score of the student's latents, predicts from them.
        epsilon: Added to the divisor; the published code adds nothing.

    Reference:
        Wu et al. 2024 (OSEDiff), arXiv:2406.08177: its published loss, which has this divisor of
        Yin et al. 2024 (DMD), arXiv:2311.18828, Equation 8.
    """
    distance = (latent - x0_teacher).abs().mean((1, 2, 3), keepdim=True)
    return (x0_student - x0_teacher) / (distance + epsilon)


def vsd_loss(latent: Tensor, direction: Tensor) -> Tensor:
    """Return the mean of direction^2, with the gradient 2 direction / numel with respect to z.

    A step along it moves z by -direction, but for a factor; no gradient reaches the direction.

    Args:
        latent: The student's latents z, [B, C, H, W], with gradients.
        direction: From `vsd_direction`, of equal shape.
    """
    return F.mse_loss(latent, (latent - direction).detach())

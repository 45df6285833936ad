"""Classifier-free guidance, on the network's own output."""

from torch import Tensor


def guided(negative: Tensor, prompted: Tensor, guidance_scale: Tensor) -> Tensor:
    """Return negative + guidance_scale (prompted - negative).

    It acts on what the network predicts (eps, v or flow) before any conversion.

    Args:
        negative: Output for the negative prompt, [B, C, H, W].
        prompted: Output for the prompt, [B, C, H, W].
        guidance_scale: [B, 1, 1, 1]; 1 is no guidance.

    Reference:
        Ho & Salimans 2022, arXiv:2207.12598, Equation 6, with guidance_scale = 1 + w.
    """
    return negative + guidance_scale * (prompted - negative)

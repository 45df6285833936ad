"""Classifier-free guidance, on the network's own output."""

import math

import torch
from torch import Tensor


def guided(negative: Tensor, prompted: Tensor, guidance_scale: Tensor) -> Tensor:
    """Return negative + guidance_scale (prompted - negative).

    It acts on what the network predicts (eps, v or flow) before any conversion.

    Args:
        negative: Output for the negative prompt, [B, C, H, W].
        prompted: Output for the prompt, [B, C, H, W].
        guidance_scale: Guidance scales, [B, 1, 1, 1]; 1 is no guidance.

    Reference:
        Ho & Salimans 2022, arXiv:2207.12598, Equation 6, with guidance_scale = 1 + w.
    """
    return negative + guidance_scale * (prompted - negative)


def guidance_embedding(guidance_scale: Tensor, dim: int) -> Tensor:
    """Return the embedding of the guidance scale for a network that takes it, [B, dim] float32.

    It consists of sines and cosines of 1000 (guidance_scale - 1) at frequencies from 1 down to
    1 / 10,000, as diffusers' pipelines compute it.

    Args:
        guidance_scale: Guidance scales, [B]; 1 is no guidance.
        dim: Dimension of the embedding; even.

    Reference:
        Meng et al. 2023, arXiv:2210.03142 (a student conditioned on w); Ho & Salimans 2022, where
        guidance_scale = 1 + w.
    """
    half = dim // 2
    w = (guidance_scale.float() - 1) * 1000
    steps = torch.arange(half, dtype=torch.float32, device=w.device)
    frequencies = torch.exp(steps * -(math.log(10_000) / (half - 1)))
    angles = w[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)

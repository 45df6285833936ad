"""Make pictures a little worse, as a generated picture is: soft, blotchy, grainy.

Half of the judge's training pictures are treated so, at random strength: its embeddings must
speak of what is shown, not of how sharply.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# Largest strengths: standard deviation of the blur in px, of blotches and grain in [-1, 1] units.
MAX_BLUR, MAX_BLOTCHES, MAX_GRAIN = 1.5, 0.1, 0.06
# A latent of the teacher's autoencoder covers 4 px, and so does what goes wrong with it.
BLOTCH_SIZE = 4
RADIUS = 4


class Softness(NamedTuple):
    """How strongly each picture is treated, [B] each; 0 leaves a picture as it is."""

    blur: Tensor
    blotches: Tensor
    grain: Tensor


def draw_softness(num: int, generator: np.random.Generator) -> Softness:
    """Draw strengths for `num` pictures; every other one gets none."""
    treated = generator.random(num) < 0.5
    drawn = generator.random((3, num)) * treated
    limits = np.array([[MAX_BLUR], [MAX_BLOTCHES], [MAX_GRAIN]])
    return Softness(*torch.from_numpy(drawn * limits).float())


def soften(pictures: Tensor, softness: Softness, generator: np.random.Generator) -> Tensor:
    """Blur pictures [B, 3, H, W] in [-1, 1], add blotches and grain; leave those of softness 0."""
    treated = torch.stack(softness).amax(0) > 0
    if not treated.any():
        return pictures.clamp(-1, 1)
    blurred = blur(pictures[treated], softness.blur[treated])
    num, channels, height, width = blurred.shape
    coarse = draw_normal((num, channels, height // BLOTCH_SIZE, width // BLOTCH_SIZE), generator)
    blotches = F.interpolate(coarse, scale_factor=BLOTCH_SIZE, mode="bilinear")
    grain = draw_normal((num, channels, height, width), generator)
    softened = pictures.clone()
    softened[treated] = (
        blurred
        + softness.blotches[treated].view(-1, 1, 1, 1) * blotches
        + softness.grain[treated].view(-1, 1, 1, 1) * grain
    )
    return softened.clamp(-1, 1)


def blur(pictures: Tensor, sigma: Tensor) -> Tensor:
    """Blur pictures [B, C, H, W] by Gaussians of their own sigma [B] in px; 0 changes nothing."""
    num, channels, height, width = pictures.shape
    offsets = torch.arange(-RADIUS, RADIUS + 1.0)
    kernels = torch.exp(-(offsets**2) / (2 * sigma.clamp(min=1e-3)[:, None] ** 2))
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = F.pad(pictures, (RADIUS,) * 4, mode="replicate").flatten(0, 1)[None]
    flat = F.conv2d(flat, kernels[:, None, None, :], groups=num * channels)
    flat = F.conv2d(flat, kernels[:, None, :, None], groups=num * channels)
    return flat.view(num, channels, height, width)


def draw_normal(shape: tuple[int, ...], generator: np.random.Generator) -> Tensor:
    """Draw standard normal numbers of a shape."""
    return torch.from_numpy(generator.standard_normal(shape, np.float32))

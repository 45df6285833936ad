"""Fine detail in an image: the energy of its three finest frequency bands.

Reference:
    Burt & Adelson 1983, "The Laplacian pyramid as a compact image code", IEEE Transactions on
    Communications 31(4): bands as differences of an image and its blurred self. Their kernel has
    five taps; this one has the three binomial ones.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

NUM_BANDS = 3
# Variance of rounding to 8 bits, in [-1, 1]: anything below is invisible.
FLOOR = (2 / 255) ** 2 / 12


def band_energies(pictures: Tensor) -> Tensor:
    """Return the logarithm of the mean square of each band, finest first: [B, 3].

    Args:
        pictures: [B, 3, H, W] in [-1, 1], H and W at least 8.
    """
    energies = []
    for _ in range(NUM_BANDS):
        smooth = _blur(pictures)
        energies.append((pictures - smooth).square().mean(dim=(1, 2, 3)))
        pictures = smooth[..., ::2, ::2]
    return (torch.stack(energies, dim=1) + FLOOR).log()


def _blur(pictures: Tensor) -> Tensor:
    """Blur images [B, C, H, W] by (1, 2, 1) / 4 both ways; the border is repeated."""
    padded = F.pad(pictures, (1, 1, 1, 1), mode="replicate")
    rows = (padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]) / 4
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 4

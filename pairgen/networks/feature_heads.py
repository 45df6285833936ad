"""A discriminator of features: a light head for each feature map, told noise level and prompt.

Reference:
    Sauer et al. 2024 (LADD), arXiv:2403.12015, Section 4: independent convolutional heads after
    the teacher's blocks, conditioned on the noise level and the pooled text; Miyato & Koyama 2018,
    arXiv:1802.05637: the projection. Widths, layers and how the two are merged are ours.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_GROUPS = 8
# Sines and cosines of the level.
NUM_WAVES = 16


class FeatureHeads(nn.Module):
    """Logits of feature maps.

    Args:
        widths: Channels of each feature map.
        text_width: Channels of a pooled text.
        width: Channels inside a head, a multiple of eight.
    """

    def __init__(self, widths: Sequence[int], text_width: int, width: int) -> None:
        super().__init__()
        self.condition = Condition(text_width, width)
        self.heads = nn.ModuleList(Head(each, width) for each in widths)

    def forward(self, features: Sequence[Tensor], level: Tensor, text: Tensor) -> list[Tensor]:
        """Return the logits of every map, [B, 1, H_l, W_l] float32 each.

        Args:
            features: Feature maps, [B, C_l, H_l, W_l] each.
            level: log(alpha / sigma) of the noised latents, [B].
            text: Pooled texts, [B, D].
        """
        condition = self.condition(level.float(), text.float())
        return [
            # The layout of a VAE's latents reaches the features; torch 2.13 crashes on it backward.
            head(each.float().contiguous(), condition)
            for head, each in zip(self.heads, features, strict=True)
        ]


class Condition(nn.Module):
    """Noise level and prompt as one vector, [B, width]."""

    def __init__(self, text_width: int, width: int) -> None:
        super().__init__()
        self.level = nn.Linear(2 * NUM_WAVES, width)
        self.text = nn.Linear(text_width, width)
        self.out = nn.Linear(width, width)

    def forward(self, level: Tensor, text: Tensor) -> Tensor:
        """Return the vectors of levels [B] and pooled texts [B, D]."""
        frequencies = torch.logspace(-2, 2, NUM_WAVES, base=math.e, device=level.device)
        angles = level[:, None] * frequencies
        waves = torch.cat([angles.sin(), angles.cos()], dim=1)
        return self.out(F.silu(self.level(waves) + self.text(text)))


class Head(nn.Module):
    """Convolutions of one feature map; the condition enters by its product with the last layer."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        # Features of a frozen network have any scale.
        self.norm = nn.GroupNorm(1, in_channels)
        self.first = nn.Conv2d(in_channels, width, 1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.second_norm = nn.GroupNorm(NUM_GROUPS, width)
        self.logit = nn.Conv2d(width, 1, 1)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Return logits, [B, 1, H, W]."""
        hidden = F.silu(self.first(self.norm(features)))
        inner = F.silu(self.second_norm(self.second(hidden)))
        hidden = (hidden + inner) / math.sqrt(2)
        agreement = (hidden * condition[..., None, None]).sum(1, keepdim=True)
        logits: Tensor = self.logit(hidden) + agreement / math.sqrt(hidden.shape[1])
        return logits

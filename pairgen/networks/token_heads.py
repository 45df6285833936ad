"""A discriminator of the tokens of a vision transformer: a light head for each depth.

Reference:
    Sauer et al. 2023 (StyleGAN-T), arXiv:2301.09515, Section 3.2, and its published
    networks/discriminator.py: residual convolutions over the sequence of tokens, spectral
    normalization, batch normalization in small groups, projection of the condition. Sauer et al.
    2023 (ADD), arXiv:2311.17042, Section 3.1, takes the same heads.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pairgen.networks.spectral_norm import with_spectral_norm

LOCAL_BATCH, GROUP = NORMS = ("local_batch", "group")
# Of `group`, as in the published code of AddSR.
NUM_GROUPS = 4
KERNEL = 9
SLOPE = 0.2
EPSILON = 1e-5


class LocalBatchNorm(nn.Module):
    """Batch normalization over groups of consecutive samples; no running statistics.

    Args:
        channels: Channels of its input.
        size: Samples of a group; the last may have fewer.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.ones(channels, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return sequences [B, C, N] with the mean 0 and variance 1 of each channel and group."""
        parts = []
        for part in x.split(self.size):
            mean = part.mean((0, 2), keepdim=True)
            variance = part.var((0, 2), keepdim=True, unbiased=False)
            parts.append((part - mean) / (variance + EPSILON).sqrt())
        return torch.cat(parts) * self.weight + self.bias


class TokenHeads(nn.Module):
    """Logits of the tokens at several depths.

    Args:
        widths: Channels of the tokens at each depth.
        condition_width: Length of the condition; 0 for none.
        width: Length to which condition and tokens are projected.
        norm: `local_batch`, or `group` within a sample.
        batch: Samples that `local_batch` normalizes together.
    """

    def __init__(
        self, widths: Sequence[int], condition_width: int, width: int, norm: str, batch: int
    ) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            TokenHead(each, condition_width, width, norm, batch) for each in widths
        )

    def forward(self, tokens: Sequence[Tensor], condition: Tensor | None) -> list[Tensor]:
        """Return the logits at each depth, [B, 1, N] float32 each.

        Args:
            tokens: Tokens at each depth, [B, C, N].
            condition: What the images are judged by, [B, D]; None for nothing.
        """
        return [head(each, condition) for head, each in zip(self.heads, tokens, strict=True)]


class TokenHead(nn.Module):
    """Convolutions over the sequence of tokens, which closes to a ring."""

    def __init__(
        self, channels: int, condition_width: int, width: int, norm: str, batch: int
    ) -> None:
        super().__init__()
        self.first = Block(channels, 1, norm, batch)
        self.second = Block(channels, KERNEL, norm, batch)
        self.out = with_spectral_norm(nn.Conv1d(channels, width if condition_width else 1, 1))
        self.condition = Projection(condition_width, width) if condition_width else None

    def forward(self, tokens: Tensor, condition: Tensor | None) -> Tensor:
        """Return logits, [B, 1, N]."""
        hidden = self.first(tokens.float())
        hidden = (hidden + self.second(hidden)) / math.sqrt(2)
        logits: Tensor = self.out(hidden)
        if self.condition is None or condition is None:
            return logits
        projected = self.condition(condition.float())[..., None]
        return (logits * projected).sum(1, keepdim=True) / math.sqrt(logits.shape[1])


class Block(nn.Module):
    """Convolution, normalization, leaky ReLU."""

    def __init__(self, channels: int, kernel: int, norm: str, batch: int) -> None:
        super().__init__()
        convolution = nn.Conv1d(
            channels, channels, kernel, padding=kernel // 2, padding_mode="circular"
        )
        self.convolution = with_spectral_norm(convolution)
        self.norm: nn.Module = (
            LocalBatchNorm(channels, batch)
            if norm == LOCAL_BATCH
            else nn.GroupNorm(NUM_GROUPS, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return sequences of equal shape, [B, C, N]."""
        return F.leaky_relu(self.norm(self.convolution(x)), SLOPE)


class Projection(nn.Module):
    """A linear layer with unit weights, scaled when it is used: every length learns alike."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, length))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, condition: Tensor) -> Tensor:
        """Return projected conditions, [B, width]."""
        return F.linear(condition, self.weight / math.sqrt(self.weight.shape[1]), self.bias)

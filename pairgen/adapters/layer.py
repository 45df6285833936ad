"""What an adapter changes in one layer: a low-rank addition, a trained copy, or both."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pairgen.errors import ConfigError

Low = nn.Linear | nn.Conv2d


class LayerAdapter(nn.Module):
    """Computes y + (alpha / r) B A x, where y is the layer's output, or that of a trained copy.

    A is initialized as N(0, 1/r^2) and B as zero, so at first nothing changes. The names of the
    tensors are those of peft: `lora_A.weight`, `lora_B.weight`.

    Args:
        layer: The layer to adapt.
        name: Name of the layer, for messages.
        rank: Rank r; 0 for no low-rank addition.
        alpha: Scale of the addition, divided by the rank.
        trained: Whether to train a copy of the whole layer.

    Raises:
        ConfigError: The layer is not one that can be adapted.

    Reference:
        Hu et al. 2021 (LoRA), arXiv:2106.09685, Equation 3; the initialization of A is that of
        diffusers' training scripts (`gaussian` in peft).
    """

    def __init__(
        self, layer: nn.Module, *, name: str, rank: int, alpha: float, trained: bool
    ) -> None:
        super().__init__()
        self.full = copy.deepcopy(layer).requires_grad_(True) if trained else None
        self.scale = alpha / rank if rank else 0.0
        if rank:
            self.lora_A, self.lora_B = _low_rank(layer, name, rank)
            nn.init.normal_(self.lora_A.weight, std=1 / rank)
            nn.init.zeros_(self.lora_B.weight)
        device: Any = layer.weight.device
        self.to(device)

    def forward(self, x: Tensor, output: Tensor) -> Tensor:
        """Return the changed output of the layer for input `x`, in the output's dtype."""
        if self.full is not None:
            output = self.full(x)
        if self.scale:
            x = x.to(self.lora_A.weight.dtype)
            output = (output + self.lora_B(self.lora_A(x)) * self.scale).to(output.dtype)
        return output

    @torch.no_grad()
    def merge_into(self, weights: Mapping[str, Tensor]) -> None:
        """Write the change into the tensors of the layer, by their names in it."""
        if self.full is not None:
            for name, tensor in self.full.state_dict().items():
                weights[name].copy_(tensor)
        if self.scale:
            weights["weight"].add_(self.delta())

    def delta(self) -> Tensor:
        """Return (alpha / r) B A in the shape of the layer's weight."""
        a, b = self.lora_A.weight, self.lora_B.weight
        if a.dim() == 2:
            return (b @ a) * self.scale
        if a.shape[2:] == (1, 1):
            return (b[:, :, 0, 0] @ a[:, :, 0, 0])[:, :, None, None] * self.scale
        return F.conv2d(a.transpose(0, 1), b).transpose(0, 1) * self.scale


def _low_rank(layer: nn.Module, name: str, rank: int) -> tuple[Low, Low]:
    """Return A and B for a layer."""
    if isinstance(layer, nn.Linear):
        a = nn.Linear(layer.in_features, rank, bias=False)
        return a, nn.Linear(rank, layer.out_features, bias=False)
    if isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.dilation == (1, 1):
        names = ("kernel_size", "stride", "padding", "padding_mode")
        alike: Any = {name: getattr(layer, name) for name in names}
        down = nn.Conv2d(layer.in_channels, rank, bias=False, **alike)
        return down, nn.Conv2d(rank, layer.out_channels, 1, bias=False)
    raise ConfigError(
        "lora_targets must name linear layers, or convolutions without groups and dilation, got "
        f"{name}, which is {layer}."
    )

"""LPIPS of latents or images: their distance in the features of a VGG."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pairgen.networks.latent_vgg import NUM_TAPS, LatentVgg
from pairgen.networks.vgg16 import Vgg16

# Added below the root, as in the authors' E-LatentLPIPS: places where all channels are 0 stay 0.
EPSILON = 1e-8
# The published LPIPS adds 1e-10 to the length itself. Below the root it gives the same numbers, and
# a gradient of 0 instead of NaN where all channels are 0.
PUBLISHED_EPSILON = 1e-20


class Lpips(nn.Module):
    """A frozen VGG and weights for its channels: d(x0, x1) of Zhang et al., Equation 1.

    d = sum_l mean_{h,w} sum_c w_lc (phi_lc(x0) - phi_lc(x1))^2, where phi_l is the tap l with its
    channels scaled to unit length at every place. The keys are those of the authors' E-LatentLPIPS
    checkpoints: `net.slice1.0.weight` ..., `lin0.model.1.weight` ... Unlike their release by
    default, nothing random is applied here, and no distance of the latents themselves is added.

    It is always in eval mode, and its weights get no gradient.

    Args:
        net: Network that computes the features.
        epsilon: Added below the root of the length.

    Reference:
        Zhang et al. 2018, arXiv:1801.03924. Kang et al. 2024, arXiv:2405.05967: of latents.
    """

    def __init__(self, net: LatentVgg | Vgg16, epsilon: float = EPSILON) -> None:
        super().__init__()
        self.net, self.epsilon = net, epsilon
        for tap, channels in enumerate(net.tap_channels):
            self.add_module(f"lin{tap}", _Head(channels))
        self.requires_grad_(False)
        self.eval()

    @property
    def weights(self) -> list[nn.Parameter]:
        """The weights w_l of the channels of each tap, five times [1, C_l, 1, 1]."""
        return [self.get_parameter(f"lin{tap}.model.1.weight") for tap in range(NUM_TAPS)]

    def train(self, mode: bool = True) -> "Lpips":  # noqa: ARG002
        """Stay in eval mode: a distance must not depend on the rest of its batch."""
        return super().train(False)

    def forward(self, x0: Tensor, x1: Tensor) -> Tensor:
        """Return the distance of each pair, [B] float32; autocast is off inside.

        Args:
            x0: Latents as the diffusion model sees them, scaled, or images in [-1, 1]:
                [B, C, H, W].
            x1: The same.
        """
        return weighted(tap_differences(self.net, x0, x1, self.epsilon), self.weights)


class _Head(nn.Module):
    """A 1x1 convolution to one channel, named as the authors' second layer: theirs is a dropout."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential()
        self.model.add_module("1", nn.Conv2d(channels, 1, kernel_size=1, bias=False))
        # Without calibration, every channel has equal weight.
        nn.init.ones_(self.model.get_parameter("1.weight"))


def tap_differences(
    net: LatentVgg | Vgg16, x0: Tensor, x1: Tensor, epsilon: float = EPSILON
) -> list[Tensor]:
    """Return the squared differences of unit-length features, averaged over places.

    Distances depend on two inputs only through these; the channel weights are applied afterwards.

    Args:
        net: Network in eval mode.
        x0: Latents or images, [B, C, H, W].
        x1: Latents or images, [B, C, H, W].
        epsilon: Added below the root of the length.

    Returns:
        Differences for each tap, [B, C_l] float32.
    """
    with torch.autocast(x0.device.type, enabled=False):
        # Separately: an input without gradients, such as a target, then costs none.
        taps = zip(net(x0.float()), net(x1.float()), strict=True)
        return [
            (_unit_length(first, epsilon) - _unit_length(second, epsilon)).square().mean((2, 3))
            for first, second in taps
        ]


def weighted(differences: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Return the distances of tap differences, [B].

    Args:
        differences: Differences for each tap, [B, C_l].
        weights: Weights of its channels, [1, C_l, 1, 1].
    """
    parts = [
        (difference * weight.flatten()).sum(1)
        for difference, weight in zip(differences, weights, strict=True)
    ]
    return torch.stack(parts).sum(0)


def _unit_length(tap: Tensor, epsilon: float) -> Tensor:
    return tap / (tap.square().sum(1, keepdim=True) + epsilon).sqrt()

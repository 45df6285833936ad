"""A discriminator made from the teacher's UNet, which reads text and noise, at every scale.

Reference:
    Kang et al. 2024 (Diffusion2GAN), arXiv:2405.05967: initialized from the teacher, the noise
    through a zero-initialized convolution, the latent resized into every scale of the encoder,
    three readouts for each scale of the decoder. The layers of a readout and the time input of
    the network are our choice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from pairgen.adapters.chosen import checkpoint_gradients
from pairgen.errors import ConfigError
from pairgen.sampling.conditioning import Conditioning
from pairgen.teachers.base import Denoiser

UNET_PARTS = ("conv_in", "down_blocks", "mid_block", "up_blocks", "conv_norm_out", "conv_out")
# Readouts of one scale: before the skip connection, with it, and after the layers that use it.
READOUTS = ("before", "at", "after")


class UnetDiscriminator(nn.Module):
    """Logits of latents x, given the noise z that they were made from and the prompt.

    Args:
        denoiser: The teacher's network, a diffusers UNet; it becomes part of the discriminator.
        time: Time input of the network: that of clean latents.
        noise_condition: Whether it sees the noise.
        multi_scale: Whether every scale of the encoder sees the latent, resized, and every scale of
            the decoder has three readouts; else only the last scale has one.

    Raises:
        ConfigError: The network is not a UNet.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        time: float,
        noise_condition: bool = True,
        multi_scale: bool = True,
    ) -> None:
        super().__init__()
        self.denoiser, self.time = denoiser, time
        network = denoiser.network
        if not all(hasattr(network, name) for name in UNET_PARTS):
            raise ConfigError(
                f"The discriminator needs a diffusers UNet, but the teacher's network is a "
                f"{type(network).__name__}; set gan_weight=0 to train without one."
            )
        num_channels = denoiser.latent_shape[0]
        # The teacher's own output is not used.
        network.conv_norm_out.requires_grad_(False)
        network.conv_out.requires_grad_(False)
        self.noise_conv: nn.Conv2d | None = None
        if noise_condition:
            self.noise_conv = _zero_conv(num_channels, network.conv_in.out_channels)
        self.scale_convs = nn.ModuleList()
        if multi_scale:
            self.scale_convs.extend(
                _zero_conv(num_channels, block.resnets[0].in_channels)
                for block in network.down_blocks[1:]
            )
        self._wanted = READOUTS if multi_scale else READOUTS[-1:]
        blocks = list(network.up_blocks)
        self._blocks = blocks if multi_scale else blocks[-1:]
        before = [network.mid_block, *blocks[:-1]]
        widths = [
            {
                "before": previous.resnets[-1].out_channels,
                "at": block.resnets[0].in_channels,
                "after": block.resnets[-1].out_channels,
            }
            for previous, block in zip(before, blocks, strict=True)
        ]
        groups = network.config.norm_num_groups
        self.readouts = nn.ModuleList(
            _readout(each[name], groups)
            for each in widths[-len(self._blocks) :]
            for name in self._wanted
        )
        # Put new layers on the teacher's device.
        self.to(network.conv_in.weight.device)

    @property
    def network(self) -> Any:
        """The UNet, for adapters and gradient checkpointing."""
        return self.denoiser.network

    def forward(self, x: Tensor, z: Tensor, conditioning: Conditioning) -> list[Tensor]:
        """Return the logits of every readout, [B, 1, H_l, W_l] float32 each.

        Args:
            x: Latents, [B, C, H, W].
            z: Noises, [B, C, H, W].
            conditioning: Conditioning of the prompts, B rows.
        """
        t = torch.full((len(x),), self.time, dtype=torch.float64, device=x.device)
        with self._tapped(x, z) as features:
            self.denoiser(x, t, conditioning)
        return [
            readout(feature).float()
            for readout, feature in zip(self.readouts, features, strict=True)
        ]

    @contextmanager
    def differentiable_twice(self) -> Iterator[None]:
        """Make computations inside the context twice differentiable, at a cost in speed and memory.

        The fast attention kernels are not; and recomputed activations would use them again.
        """
        network, checkpointing = self.network, self.network.is_gradient_checkpointing
        if checkpointing:
            network.disable_gradient_checkpointing()
        try:
            with sdpa_kernel(SDPBackend.MATH):
                yield
        finally:
            if checkpointing:
                checkpoint_gradients(network)

    @contextmanager
    def _tapped(self, x: Tensor, z: Tensor) -> Iterator[list[Tensor]]:
        """Inject the inputs into the UNet inside the context; yield the list of its readouts."""
        features: list[Tensor] = []

        def add_noise(_: nn.Module, __: Any, output: Tensor) -> Tensor:
            assert self.noise_conv is not None
            return output + self.noise_conv(z.to(x.dtype))

        def add_resized(conv: nn.Module) -> Any:
            def hook(block: nn.Module, args: Any, kwargs: Any) -> Any:
                bound = signature(block.forward).bind(*args, **kwargs)
                hidden = bound.arguments["hidden_states"]
                # Each pixel is the mean of those that it covers.
                small = F.interpolate(x, hidden.shape[2:], mode="area")
                bound.arguments["hidden_states"] = hidden + conv(small)
                return bound.args, bound.kwargs

            return hook

        def read_before(block: nn.Module, args: Any, kwargs: Any) -> None:
            inputs = signature(block.forward).bind(*args, **kwargs).arguments
            hidden = inputs["hidden_states"]
            if "before" in self._wanted:
                features.append(hidden)
                features.append(torch.cat([hidden, inputs["res_hidden_states_tuple"][-1]], 1))

        def read_input(_: nn.Module, args: Any) -> None:
            features.append(args[0])

        def read_output(_: nn.Module, __: Any, output: Tensor) -> None:
            features.append(output)

        network = self.network
        handles = []
        if self.noise_conv is not None:
            handles.append(network.conv_in.register_forward_hook(add_noise))
        for block, conv in zip(network.down_blocks[1:], self.scale_convs, strict=False):
            handles.append(block.register_forward_pre_hook(add_resized(conv), with_kwargs=True))
        for block in self._blocks:
            handles.append(block.register_forward_pre_hook(read_before, with_kwargs=True))
            if block.upsamplers:
                # The output of this scale's layers, before it is passed to the next scale.
                handles.append(block.upsamplers[0].register_forward_pre_hook(read_input))
            else:
                handles.append(block.register_forward_hook(read_output))
        try:
            yield features
        finally:
            for handle in handles:
                handle.remove()


def _zero_conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Return a 3x3 convolution that is zero at first."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    nn.init.zeros_(conv.weight)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


def _readout(num_channels: int, num_groups: int) -> nn.Sequential:
    """Return layers from features to logits, with at most the teacher's groups, of equal width."""
    while num_channels % num_groups:
        num_groups -= 1
    return nn.Sequential(
        nn.GroupNorm(num_groups, num_channels), nn.SiLU(), nn.Conv2d(num_channels, 1, 1)
    )

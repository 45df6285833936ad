"""The features of a frozen denoiser: what each of its blocks makes of a noised latent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from pairgen.errors import ConfigError
from pairgen.sampling.conditioning import Conditioning
from pairgen.teachers.base import Denoiser

UNET_PARTS = ("conv_in", "down_blocks", "mid_block", "up_blocks")


class DenoiserFeatures:
    """Reads the outputs of a UNet's blocks: those down, the middle one, those up.

    Args:
        denoiser: The frozen network, a diffusers UNet.

    Attributes:
        widths: Channels of each feature map, in order.

    Raises:
        ConfigError: The network is not a UNet.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        network = denoiser.network
        if not all(hasattr(network, name) for name in UNET_PARTS):
            raise ConfigError(
                "The features of a teacher need a diffusers UNet, but its network is a "
                f"{type(network).__name__}."
            )
        self._denoiser = denoiser
        self._blocks = [*network.down_blocks, network.mid_block, *network.up_blocks]
        self.widths = [block.resnets[-1].out_channels for block in self._blocks]

    def __call__(self, x: Tensor, t: Tensor, conditioning: Conditioning) -> list[Tensor]:
        """Return the feature maps, [B, C_l, H_l, W_l] each, with gradients to `x`.

        Args:
            x: Noised latents, [B, C, H, W].
            t: Their times, [B] float64.
            conditioning: The prompts' conditioning, B rows.
        """
        with self._tapped() as features:
            self._denoiser(x, t, conditioning)
        return features

    @contextmanager
    def _tapped(self) -> Iterator[list[Tensor]]:
        features: list[Tensor] = []

        def read(_: nn.Module, __: Any, output: Any) -> None:
            # A block that goes down returns its skip connections too.
            features.append(output[0] if isinstance(output, tuple) else output)

        handles = [block.register_forward_hook(read) for block in self._blocks]
        try:
            yield features
        finally:
            for handle in handles:
                handle.remove()

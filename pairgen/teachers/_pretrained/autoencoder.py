"""Stable Diffusion's VAE in float32, with gradients: frozen, adapted or trained, by halves."""

from typing import Any

import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor, nn

from pairgen.adapters.adaptable import Adaptable
from pairgen.adapters.chosen import checkpoint_gradients
from pairgen.errors import ConfigError
from pairgen.teachers._pretrained.files import Snapshot
from pairgen.teachers._pretrained.folders.weights import fetch_weights
from pairgen.teachers._pretrained.networks import load_network
from pairgen.teachers._pretrained.stable_diffusion import VAE_WEIGHTS

# Its convolutions and its attention.
LORA_TARGETS = (
    *("conv_in", "conv1", "conv2", "conv_shortcut", "conv", "conv_out", "quant_conv"),
    *("to_q", "to_k", "to_v", "to_out.0"),
)


class _Half(Adaptable):
    """The layers of one half, under the names that they have in the VAE; frozen at first."""

    def __init__(self, vae: Any, names: tuple[str, ...]) -> None:
        layers = {name: getattr(vae, name) for name in names}
        present = {name: layer for name, layer in layers.items() if layer is not None}
        super().__init__(nn.ModuleDict(present).requires_grad_(False), LORA_TARGETS)
        # In a tuple, so that the whole VAE is no submodule of its half.
        self._vae = (vae,)
        self.scale, self.shift = vae.config.scaling_factor, vae.config.shift_factor or 0.0

    def unfreeze(self) -> None:
        """Make all weights of the half trainable."""
        self.network.requires_grad_(True)

    @property
    def can_checkpoint_gradients(self) -> bool:
        """Always true: a half is a part of a diffusers model."""
        return True

    def checkpoint_gradients(self) -> None:
        """Enable gradient checkpointing in the VAE."""
        checkpoint_gradients(self._vae[0])


class Encoder(_Half):
    """The encoder of a VAE, see `pairgen.teachers.base.Autoencoder`."""

    def forward(self, image: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the latents of images, see `Autoencoder.encode`."""
        with self.in_use():
            moments = self.network["encoder"](image.float())
            if "quant_conv" in self.network:
                moments = self.network["quant_conv"](moments)
        return self.of_moments(moments, noise)

    def of_moments(self, moments: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the latents of moments, see `pairgen.teachers.base.Autoencoder`."""
        posterior = DiagonalGaussianDistribution(moments.float())
        latent = posterior.mean if noise is None else posterior.mean + posterior.std * noise
        return (latent - self.shift) * self.scale


class Decoder(_Half):
    """The decoder of a VAE, see `pairgen.teachers.base.Autoencoder`."""

    def forward(self, latent: Tensor) -> Tensor:
        """Return the images of latents, see `Autoencoder.decode`."""
        z = latent.float() / self.scale + self.shift
        with self.in_use():
            if "post_quant_conv" in self.network:
                z = self.network["post_quant_conv"](z)
            image: Tensor = self.network["decoder"](z)
        return image.float()


class Autoencoder:
    """A VAE for training, see `pairgen.teachers.base.Autoencoder`.

    Args:
        snapshot: The model's snapshot.
        variant: Variant of the weight files; empty for those without one.
        device: Device that it runs on.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken.
    """

    def __init__(self, snapshot: Snapshot, variant: str, device: torch.device) -> None:
        (weights,) = fetch_weights(snapshot, [VAE_WEIGHTS], variant).values()
        self.network = load_network(AutoencoderKL, weights, torch.float32).to(device)
        self.factor = 2 ** (len(self.network.config.block_out_channels) - 1)
        self.encoder = Encoder(self.network, ("encoder", "quant_conv"))
        self.decoder = Decoder(self.network, ("post_quant_conv", "decoder"))

    def latent_shape(self, size_px: tuple[int, int]) -> tuple[int, int, int]:
        """Return the shape of a latent, see `pairgen.teachers.base.Autoencoder.latent_shape`.

        Raises:
            ConfigError: The size is no multiple of the VAE's factor.
        """
        height, width = size_px
        if height % self.factor or width % self.factor:
            raise ConfigError(
                f"Height and width of an image must be multiples of {self.factor} px for this VAE, "
                f"got {width} x {height}."
            )
        channels = self.network.config.latent_channels
        return channels, height // self.factor, width // self.factor

    def encode(self, image: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the latents of images, see `pairgen.teachers.base.Autoencoder.encode`."""
        latent: Tensor = self.encoder(image, noise)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """Return the images of latents, see `pairgen.teachers.base.Autoencoder.decode`."""
        image: Tensor = self.decoder(latent)
        return image

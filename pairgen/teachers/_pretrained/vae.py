"""The VAE of a Stable Diffusion folder, which decodes and encodes images."""

from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from pairgen.teachers._pretrained.files import Snapshot, hash_files
from pairgen.teachers._pretrained.folders.weights import fetch_weights
from pairgen.teachers._pretrained.networks import load_network
from pairgen.teachers._pretrained.stable_diffusion import VAE_WEIGHTS


class Vae:
    """A VAE in float32, because SDXL's overflows in float16. Implements `Decoder`.

    Args:
        snapshot: The model's snapshot.
        variant: Variant of the weight files; empty for those without one.
        device: Device that it runs on.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken.
    """

    def __init__(self, snapshot: Snapshot, variant: str, device: torch.device) -> None:
        self.device = device
        (weights,) = fetch_weights(snapshot, [VAE_WEIGHTS], variant).values()
        self._network = load_network(AutoencoderKL, weights, torch.float32).to(device)

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Tensor:
        """Decode latents to images, see `Decoder.decode`."""
        config = self._network.config
        z = latent.to(self.device, torch.float32) / config.scaling_factor
        z = z + (config.shift_factor or 0.0)
        picture: Tensor = self._network.decode(z, return_dict=False)[0]
        return picture.clamp(-1, 1)

    def features(self, latent: Tensor) -> list[Tensor]:
        """Return the decoder's features of latents, block by block, with the image last.

        Gradients flow to the latents.

        Returns:
            Feature maps [B, C, H, W] of increasing size, then [B, 3, H', W'] around [-1, 1].
        """
        network, config = self._network, self._network.config
        z = latent.to(self.device, torch.float32) / config.scaling_factor
        z = z + (config.shift_factor or 0.0)
        if network.post_quant_conv is not None:
            z = network.post_quant_conv(z)
        decoder = network.decoder
        x = decoder.mid_block(decoder.conv_in(z))
        found = []
        for block in decoder.up_blocks:
            x = block(x)
            found.append(x)
        found.append(decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(x))))
        return found

    @torch.no_grad()
    def encode(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Encode images to latents, see `Teacher.encode`."""
        config = self._network.config
        posterior = self._network.encode(image.to(self.device, torch.float32)).latent_dist
        latent: Tensor = posterior.sample(generator) - (config.shift_factor or 0.0)
        return latent * config.scaling_factor


def vae_identity(snapshot: Snapshot, variant: str) -> dict[str, Any]:
    """Return what distinguishes VAEs: the hub's commit, or a hash of a local folder.

    Raises:
        TeacherLoadError: The weights are missing.
    """
    if snapshot.commit:
        return {"hub_id": snapshot.location, "commit": snapshot.commit, "variant": variant}
    (weights,) = fetch_weights(snapshot, [VAE_WEIGHTS], variant).values()
    folder = snapshot.folder
    return {"vae_sha256": hash_files(folder, [*weights.files, folder / "vae/config.json"])}

"""A pixel-space UNet, unconditional or with class labels, as a teacher."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.sampling.conditioning import Conditioning
from pairgen.teachers._pretrained.networks import convert
from pairgen.teachers._pretrained.pixels import Layout
from pairgen.teachers._pretrained.predict import predict_guided

# A label counts as one token, whatever its length.
MAX_PROMPT_TOKENS = 1


def unet_output(
    unet: Any, x: Tensor, t: Tensor, conditioning: Conditioning, guidance_scale: Tensor | None
) -> Tensor:
    """Return the UNet's own output in float32, [B, C, H, W]; the guidance scale is ignored."""
    del guidance_scale
    classes = conditioning.tensors.get("class_labels")
    output: Tensor = unet(x.to(unet.dtype), t, class_labels=classes, return_dict=False)[0]
    return output.float()


def count_tokens(prompts: Sequence[str]) -> list[int]:
    """Return 1 for each prompt."""
    return [1] * len(prompts)


class Pixels:
    """A decoder of latents that are images already."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def decode(self, latent: Tensor) -> Tensor:
        """Return latents as clamped images; gray ones become RGB, see `Decoder.decode`."""
        pictures = latent.to(self.device, torch.float32).clamp(-1, 1)
        return pictures.expand(-1, 3, -1, -1)


class PixelAutoencoder:
    """The identity as `pairgen.teachers.base.Autoencoder`; gray latents are the channels' mean.

    Args:
        num_channels: Channels of a latent, 1 or 3.
    """

    network = None
    factor = 1

    def __init__(self, num_channels: int) -> None:
        self._num_channels = num_channels
        self.encoder, self.decoder = self.encode, self.decode

    def latent_shape(self, size_px: tuple[int, int]) -> tuple[int, int, int]:
        """Return the shape of a latent, see `Autoencoder.latent_shape`."""
        return self._num_channels, *size_px

    def encode(self, image: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return images as latents, see `Autoencoder.encode`; there is no posterior."""
        del noise
        image = image.float()
        return image.mean(dim=1, keepdim=True) if self._num_channels == 1 else image

    def decode(self, latent: Tensor) -> Tensor:
        """Return latents as images, see `Autoencoder.decode`."""
        return latent.float().expand(-1, 3, -1, -1)


class PixelUnet(Pixels):
    """A UNet2DModel as `pairgen.teachers.base.Teacher`.

    A conditioning is `class_labels` [N] int64; for an unconditional model, it is the empty
    `unconditional` [N, 0].
    """

    def __init__(
        self, layout: Layout, unet: Any, *, device: torch.device, negative_prompt: str
    ) -> None:
        super().__init__(device)
        self.schedule = layout.schedule
        self.latent_shape = layout.image_shape
        self.max_prompt_tokens = MAX_PROMPT_TOKENS
        self._layout = layout
        self._unet = unet
        self.negative = self._encode_negative(negative_prompt)

    def count_tokens(self, prompts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each prompt, see `Teacher.count_tokens`."""
        return count_tokens(prompts)

    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Return the classes of N labels, see `Teacher.encode_prompts`.

        Raises:
            ConfigError: A prompt is not a label.
        """
        labels = self._layout.labels
        if labels is None:
            return Conditioning({"unconditional": torch.empty(len(prompts), 0, device=self.device)})
        return self._conditioning([labels.class_of(prompt) for prompt in prompts])

    def predict(
        self, x: Tensor, t: Tensor, conditioning: Conditioning, guidance: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Predict (x0, eps) at x_t, see `Teacher.predict`.

        Raises:
            ConfigError: Guidance is requested, but there is no null label.
        """
        if guidance is not None and self._layout.null_label is None:
            raise ConfigError("Guidance needs a null_label, but the model has none.")
        prediction, negative = self._layout.prediction, self.negative
        return predict_guided(
            self._forward, self.schedule, prediction, negative, x, t, conditioning, guidance
        )

    def features(self, latent: Tensor) -> list[Tensor]:
        """Return the latents themselves: there is no decoder with features."""
        return [latent]

    def encode(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return the images themselves, for gray models their channel mean, without sampling."""
        del generator
        image = image.to(self.device, torch.float32)
        return image.mean(dim=1, keepdim=True) if self.latent_shape[0] == 1 else image

    def to_dtype(self, dtype: torch.dtype) -> None:
        """Convert the UNet."""
        if self._unet is not None:
            convert(self._unet, dtype)

    def compile(self) -> None:
        """Compile the UNet for its static shapes."""
        self._unet.compile(dynamic=False)

    def _forward(self, x: Tensor, t: Tensor, conditioning: Conditioning) -> Tensor:
        """Return the UNet's own output in float32, [B, C, H, W]."""
        return unet_output(self._unet, x, t, conditioning, None)

    def _encode_negative(self, negative_prompt: str) -> Conditioning:
        null_label = self._layout.null_label
        if self._layout.labels is None or negative_prompt:
            return self.encode_prompts([negative_prompt])
        return self._conditioning([] if null_label is None else [null_label])

    def _conditioning(self, classes: Sequence[int]) -> Conditioning:
        return Conditioning(
            {"class_labels": torch.tensor(classes, dtype=torch.int64, device=self.device)}
        )

"""A latent-space UNet, its text encoders and its VAE, as a teacher."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from pairgen.sampling.conditioning import Conditioning
from pairgen.teachers._pretrained.branch import Branch
from pairgen.teachers._pretrained.networks import convert
from pairgen.teachers._pretrained.predict import predict_guided
from pairgen.teachers._pretrained.stable_diffusion import (
    Layout,
)
from pairgen.teachers._pretrained.unet import time_ids, unet_output
from pairgen.teachers._pretrained.vae import Vae


def count_tokens(tokenizers: Sequence[Any], prompts: Sequence[str]) -> list[int]:
    """Return the larger count of the tokenizers for each prompt."""
    if not prompts:
        # The tokenizers fail on an empty list.
        return []
    counts = [
        [len(ids) for ids in tokenizer(list(prompts), verbose=False).input_ids]
        for tokenizer in tokenizers
    ]
    return [max(column) for column in zip(*counts, strict=True)]


@dataclass(frozen=True)
class Tower:
    tokenizer: Any
    encoder: Any


class LatentDiffusion:
    """A Stable Diffusion model as `pairgen.teachers.base.Teacher`."""

    def __init__(
        self,
        layout: Layout,
        variant: str,
        unet: Any,
        load_towers: Callable[[], Sequence[Tower]],
        *,
        branch: Branch | None = None,
        device: torch.device,
        dtype: torch.dtype,
        negative_prompt: str,
    ) -> None:
        self.schedule = layout.schedule
        self.latent_shape = layout.latent_shape
        self.device = device
        self.max_prompt_tokens = layout.max_prompt_tokens
        self._layout = layout
        self._variant = variant
        self._unet = unet
        self._branch = branch
        self._load_towers = load_towers
        self._negative_prompt = negative_prompt
        self._time_ids = time_ids(layout).to(device, dtype)

    @cached_property
    def negative(self) -> Conditioning:
        """Conditioning of the negative prompt, see `Teacher`."""
        return self._encode_negative()

    def count_tokens(self, prompts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each prompt, see `Teacher.count_tokens`."""
        return count_tokens([tower.tokenizer for tower in self._towers], prompts)

    @torch.no_grad()
    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Encode N prompts as one batch, see `Teacher.encode_prompts`.

        Returns:
            `txt_emb` [N, L, D], for SDXL also `pooled_emb` [N, P], in the network's dtype.
        """
        hidden, pooled = [], None
        for tower in self._towers:
            ids = tower.tokenizer(
                list(prompts),
                padding="max_length",
                max_length=self.max_prompt_tokens,
                truncation=True,
                return_tensors="pt",
            ).input_ids.to(self.device)
            if len(self._towers) == 1:
                hidden.append(tower.encoder(ids)[0])
            else:
                output = tower.encoder(ids, output_hidden_states=True)
                hidden.append(output.hidden_states[-2])
                pooled = output[0]
        tensors = {"txt_emb": torch.cat(hidden, dim=-1)}
        return Conditioning(tensors if pooled is None else tensors | {"pooled_emb": pooled})

    def predict(
        self, x: Tensor, t: Tensor, conditioning: Conditioning, guidance: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Predict (x0, eps) at x_t, see `Teacher.predict`."""
        if self._layout.guidance_dim:
            # The network takes the scale as an input, in one evaluation.
            forward, guidance = partial(self._forward, guidance=guidance), None
        else:
            forward = partial(self._forward, guidance=None)
        prediction, negative = self._layout.prediction, self.negative
        return predict_guided(
            forward, self.schedule, prediction, negative, x, t, conditioning, guidance
        )

    def decode(self, latent: Tensor) -> Tensor:
        """Decode latents to images, see `Decoder.decode`."""
        return self._vae.decode(latent)

    def features(self, latent: Tensor) -> list[Tensor]:
        """Return the decoder's feature maps, see `Vae.features`."""
        return self._vae.features(latent)

    def encode(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Encode images to latents, see `Teacher.encode`."""
        return self._vae.encode(image, generator)

    def to_dtype(self, dtype: torch.dtype) -> None:
        """Convert UNet and text encoders, and encode the negative prompt again."""
        for network in (self._unet, self._branch, *(tower.encoder for tower in self._towers)):
            if network is not None:
                convert(network, dtype)
        self._time_ids = self._time_ids.to(dtype)
        self.negative = self._encode_negative()

    def free_text_encoders(self) -> None:
        """Free the text encoders, see `FreesTextEncoders`."""
        self.__dict__.pop("_towers", None)

    def compile(self) -> None:
        """Compile the UNet for its static shapes."""
        self._unet.compile(dynamic=False)

    def _forward(
        self, x: Tensor, t: Tensor, conditioning: Conditioning, guidance: Tensor | None
    ) -> Tensor:
        """Return the UNet's own output in float32, [B, C, H, W]."""
        return unet_output(
            self._unet,
            x,
            t,
            conditioning,
            guidance,
            time_ids=self._time_ids,
            guidance_dim=self._layout.guidance_dim,
            branch=self._branch,
        )

    def _encode_negative(self) -> Conditioning:
        # Encode two rows and keep one: a single row uses other kernels (matrix times vector), whose
        # last bits differ from those of the batches that diffusers encodes.
        row = self.encode_prompts([self._negative_prompt] * 2)[:1]
        if self._negative_prompt or not self._layout.zero_negative or len(self._towers) == 1:
            return row
        return Conditioning({name: torch.zeros_like(value) for name, value in row.tensors.items()})

    @cached_property
    def _towers(self) -> Sequence[Tower]:
        """The tokenizers and text encoders, loaded on first use."""
        return self._load_towers()

    @cached_property
    def _vae(self) -> Vae:
        """The VAE, loaded on first use."""
        return Vae(self._layout.snapshot, self._variant, self.device)

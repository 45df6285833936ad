"""Stable Diffusion 1.5, 2.1 and SDXL: a UNet, one or two CLIP text encoders, and a VAE.

A location is a folder in diffusers layout or a hub id. Which class it is stands in its
`model_index.json`; what the UNet predicts and its schedule stand in its scheduler's config. The
scheduler's own step rule is not used: times and steps are pairgen's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from pairgen.teachers._pretrained.denoiser import Denoiser
from pairgen.teachers._pretrained.export import export_pipeline
from pairgen.teachers._pretrained.files import fetch_weights
from pairgen.teachers._pretrained.networks import convert, load_network
from pairgen.teachers._pretrained.predict import predict_guided
from pairgen.teachers._pretrained.stable_diffusion import (
    UNET_WEIGHTS,
    Layout,
    load_tokenizer,
    read_layout,
)
from pairgen.teachers._pretrained.unet import load_denoiser, time_ids, unet_output
from pairgen.teachers._pretrained.vae import Vae, vae_identity
from pairgen.teachers.base import Conditioning, DecoderDescription, Description


def describe(*, location: str, revision: str = "", variant: str = "") -> Description:
    """Describe a teacher from its configs; of a local folder the weights are hashed too.

    Args:
        location: Folder in diffusers layout, or hub id.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        variant: Of the weight files, such as `fp16`; empty for those without one.

    Raises:
        TeacherLoadError: The model cannot be found, or is not of a class that this file knows.
        ConfigError: A revision is given for a local folder.
    """
    return read_layout(location, revision).describe(variant)


def describe_decoder(*, location: str, revision: str = "", variant: str = "") -> DecoderDescription:
    """Describe the VAE from its configs; of a local folder its weights are hashed.

    Args:
        location: Folder in diffusers layout, or hub id.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        variant: Of the weight files, such as `fp16`; empty for those without one.

    Raises:
        TeacherLoadError: The model or its VAE cannot be found, see also `describe`.
        ConfigError: A revision is given for a local folder.
    """
    layout = read_layout(location, revision)
    identity = vae_identity(layout.snapshot, variant)
    return DecoderDescription(identity=identity, size_px=layout.size_px)


def build_decoder(
    *, location: str, device: torch.device, revision: str = "", variant: str = ""
) -> Vae:
    """Load the VAE alone.

    Args:
        location: Folder in diffusers layout, or hub id.
        device: Where it runs, in float32.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        variant: Of the weight files, such as `fp16`; empty for those without one.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken.
        ConfigError: A revision is given for a local folder.
    """
    return Vae(read_layout(location, revision).snapshot, variant, device)


def build_denoiser(
    *,
    location: str,
    device: torch.device,
    guidance_embedding: bool = False,
    revision: str = "",
    variant: str = "",
) -> Denoiser:
    """Load the UNet alone, in float32 and ready to be trained.

    Args:
        location: Folder in diffusers layout, or hub id.
        device: Where it runs.
        guidance_embedding: Give it a path for the guidance scale, which changes nothing at first.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        variant: Of the weight files, such as `fp16`; empty for those without one.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken.
        ConfigError: A revision is given for a local folder.
    """
    layout = read_layout(location, revision)
    return load_denoiser(layout, variant, guidance_embedding).to(device)


def save_student(
    *, denoiser: Denoiser, folder: Path, location: str, revision: str = "", variant: str = ""
) -> None:
    """Write a trained UNet with all that it needs: a folder that diffusers' pipeline loads.

    Args:
        denoiser: From `build_denoiser`, trained since.
        folder: Where it goes; it does not exist yet.
        location: Of the teacher, whose text encoders, tokenizers and VAE are copied.
        revision: As for `build_denoiser`.
        variant: As for `build_denoiser`.

    Raises:
        TeacherLoadError: A part of the teacher is missing.
    """
    export_pipeline(read_layout(location, revision), variant, denoiser, folder)


def prompt_counter(
    *, location: str, revision: str = "", variant: str = ""
) -> tuple[Callable[[Sequence[str]], list[int]], int]:
    """Load only the tokenizers.

    Args:
        location: Folder in diffusers layout, or hub id.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        variant: Of the weight files, which are not read here.

    Returns:
        `Teacher.count_tokens` and `Teacher.max_prompt_tokens`.

    Raises:
        TeacherLoadError: The model cannot be found, or is not of a class that this file knows.
        ConfigError: A revision is given for a local folder.
    """
    del variant
    layout = read_layout(location, revision)
    tokenizers = [load_tokenizer(layout, ending) for ending in layout.text_encoders]
    return partial(_count_tokens, tokenizers), layout.max_prompt_tokens


def build(
    *,
    location: str,
    device: torch.device,
    dtype: torch.dtype,
    negative_prompt: str,
    with_network: bool = True,
    revision: str = "",
    variant: str = "",
) -> "LatentDiffusion":
    """Load a teacher.

    Args:
        location: Folder in diffusers layout, or hub id.
        device: Where it runs.
        dtype: Of UNet and text encoders; the VAE stays in float32.
        negative_prompt: What guidance leads away from.
        with_network: False for all but `predict`, when only prompts and pictures are needed.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        variant: Of the weight files, such as `fp16`; empty for those without one.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken, see also `describe`.
        ConfigError: A revision is given for a local folder.
    """
    layout = read_layout(location, revision)
    stems = [stem for stem in layout.weight_stems if with_network or stem != UNET_WEIGHTS]
    files = fetch_weights(layout.snapshot, stems, variant)
    unet = None
    if with_network:
        unet = load_network(UNet2DConditionModel, files[UNET_WEIGHTS], variant, dtype)
        if device.type == "cuda":
            # The layout of the fast kernels there; on the CPU it would only change the last bits.
            unet = unet.to(memory_format=torch.channels_last)
        unet = unet.to(device)
    towers = []
    for ending in layout.text_encoders:
        # Only the second encoder of SDXL has a projection, whose output is the pooled embedding.
        cls = CLIPTextModelWithProjection if ending else CLIPTextModel
        encoder = load_network(cls, files[f"text_encoder{ending}/model"], variant, dtype)
        towers.append(_Tower(load_tokenizer(layout, ending), encoder.to(device=device)))
    return LatentDiffusion(
        layout, variant, unet, towers, device=device, dtype=dtype, negative_prompt=negative_prompt
    )


def _count_tokens(tokenizers: Sequence[Any], prompts: Sequence[str]) -> list[int]:
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
class _Tower:
    tokenizer: Any
    encoder: Any


class LatentDiffusion:
    """A Stable Diffusion model as `pairgen.teachers.base.Teacher`."""

    def __init__(
        self,
        layout: Layout,
        variant: str,
        unet: Any,
        towers: Sequence[_Tower],
        *,
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
        self._towers = towers
        self._negative_prompt = negative_prompt
        self._time_ids = time_ids(layout).to(device, dtype)
        self.negative = self._encode_negative()

    def count_tokens(self, prompts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each prompt, see `Teacher.count_tokens`."""
        return _count_tokens([tower.tokenizer for tower in self._towers], prompts)

    @torch.no_grad()
    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Encode N prompts as one batch, see `Teacher.encode_prompts`.

        Returns:
            `txt_emb` [N, L, D]; of SDXL also `pooled_emb` [N, P]. In the network's dtype.
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
            # The network is told the scale, in one evaluation.
            forward, guidance = partial(self._forward, guidance=guidance), None
        else:
            forward = partial(self._forward, guidance=None)
        prediction, negative = self._layout.prediction, self.negative
        return predict_guided(
            forward, self.schedule, prediction, negative, x, t, conditioning, guidance
        )

    def decode(self, latent: Tensor) -> Tensor:
        """Return the pictures of latents, see `Decoder.decode`."""
        return self._vae.decode(latent)

    def features(self, latent: Tensor) -> list[Tensor]:
        """Return the decoder's feature maps, see `Vae.features`."""
        return self._vae.features(latent)

    def encode(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return latents of pictures, see `Teacher.encode`."""
        return self._vae.encode(image, generator)

    def to_dtype(self, dtype: torch.dtype) -> None:
        """Convert UNet and text encoders, and encode the negative prompt again."""
        for network in (self._unet, *(tower.encoder for tower in self._towers)):
            if network is not None:
                convert(network, dtype)
        self._time_ids = self._time_ids.to(dtype)
        self.negative = self._encode_negative()

    def compile(self) -> None:
        """Compile the UNet at the shapes it will see."""
        self._unet.compile(dynamic=False)

    def _forward(
        self, x: Tensor, t: Tensor, conditioning: Conditioning, guidance: Tensor | None
    ) -> Tensor:
        """Return the UNet's own output in float32, [B, C, H, W]."""
        dim = self._layout.guidance_dim
        return unet_output(
            self._unet, x, t, conditioning, guidance, time_ids=self._time_ids, guidance_dim=dim
        )

    def _encode_negative(self) -> Conditioning:
        # Two rows, one kept: a row alone takes other kernels (matrix times vector), whose last
        # bits differ from those of the batches that diffusers encodes.
        row = self.encode_prompts([self._negative_prompt] * 2)[:1]
        if self._negative_prompt or not self._layout.zero_negative or len(self._towers) == 1:
            return row
        return Conditioning({name: torch.zeros_like(value) for name, value in row.tensors.items()})

    @cached_property
    def _vae(self) -> Vae:
        """The VAE, loaded when first asked for."""
        return Vae(self._layout.snapshot, self._variant, self.device)

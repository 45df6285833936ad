"""Stable Diffusion 1.5, 2.1 and SDXL: a UNet, one or two CLIP text encoders, and a VAE.

A location is a folder in diffusers layout or a hub id. Its `model_index.json` names the class; its
scheduler's config gives the schedule and what the UNet predicts. The scheduler's own step rule is
not used: times and steps are pairgen's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from pairgen.sampling.conditioning import SUM
from pairgen.teachers._pretrained.autoencoder import Autoencoder
from pairgen.teachers._pretrained.branch_files import find_branch
from pairgen.teachers._pretrained.denoiser import Denoiser
from pairgen.teachers._pretrained.export import export_pipeline, files_to_copy
from pairgen.teachers._pretrained.folders.lora import find_lora
from pairgen.teachers._pretrained.folders.tensors import check_tensors
from pairgen.teachers._pretrained.folders.weights import fetch_weights
from pairgen.teachers._pretrained.networks import load_network
from pairgen.teachers._pretrained.options import LatentDiffusionOptions
from pairgen.teachers._pretrained.stable_diffusion import (
    TEXT_CLASSES,
    UNET_WEIGHTS,
    VAE_WEIGHTS,
    load_tokenizer,
    read_layout,
)
from pairgen.teachers._pretrained.text_to_latent import LatentDiffusion, Tower, count_tokens
from pairgen.teachers._pretrained.unet import load_denoiser
from pairgen.teachers._pretrained.vae import Vae, vae_identity
from pairgen.teachers.base import DecoderDescription, Description

OPTIONS = LatentDiffusionOptions


def describe(*, location: str, **options: Any) -> Description:
    """Describe a teacher from its configs; for a local folder, the weights are hashed too.

    Args:
        location: Folder in diffusers layout, or hub id.
        **options: See `OPTIONS`.

    Raises:
        TeacherLoadError: The model cannot be found, or its class is not supported.
        ConfigError: An option is invalid, or a revision is given for a local folder.
    """
    chosen = OPTIONS(**options)
    layout = read_layout(location, chosen.revision)
    described = layout.describe(chosen.variant)
    if chosen.lora:
        (lora := find_lora(chosen.lora)).check(layout.networks_on_meta())
        described = replace(described, identity={**described.identity, **lora.identity})
    branch = find_branch(chosen.branch, layout)
    if branch is None:
        return described
    return replace(
        described,
        identity={**described.identity, "branch": branch.identity(chosen.variant)},
        condition_channels=branch.condition_channels,
    )


def describe_decoder(*, location: str, **options: Any) -> DecoderDescription:
    """Describe the VAE from its configs; for a local folder, its weights are hashed too.

    Args:
        location: Folder in diffusers layout, or hub id.
        **options: See `OPTIONS`.

    Raises:
        TeacherLoadError: The model or its VAE cannot be found, see also `describe`.
        ConfigError: An option is invalid, or a revision is given for a local folder.
    """
    chosen = OPTIONS(**options)
    layout = read_layout(location, chosen.revision)
    identity = vae_identity(layout.snapshot, chosen.variant)
    check_tensors(layout.snapshot, VAE_WEIGHTS, chosen.variant, AutoencoderKL)
    return DecoderDescription(
        identity=identity, size_px=layout.size_px, latent_shape=layout.latent_shape
    )


def describe_text_encoder(*, location: str, **options: Any) -> Mapping[str, Any]:
    """Return what distinguishes the text encoders alone, whatever the UNet beside them.

    Args:
        location: Folder in diffusers layout, or hub id.
        **options: See `OPTIONS`.

    Raises:
        TeacherLoadError: The model cannot be found, see also `describe`.
        ConfigError: An option is invalid, or a revision is given for a local folder.
    """
    chosen = OPTIONS(**options)
    found = read_layout(location, chosen.revision).text_identity(chosen.variant)
    return {**found, **find_lora(chosen.lora).identity} if chosen.lora else found


def build_decoder(*, location: str, device: torch.device, **options: Any) -> Vae:
    """Load only the VAE.

    Args:
        location: Folder in diffusers layout, or hub id.
        device: Device that it runs on, in float32.
        **options: See `OPTIONS`.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken.
        ConfigError: An option is invalid, or a revision is given for a local folder.
    """
    chosen = OPTIONS(**options)
    return Vae(read_layout(location, chosen.revision).snapshot, chosen.variant, device)


def build_denoiser(
    *,
    location: str,
    device: torch.device,
    guidance_embedding: bool = False,
    image_channels: int = 0,
    condition_channels: int = 0,
    fusion: str = SUM,
    **options: Any,
) -> Denoiser:
    """Load only the UNet, in float32 and ready for training.

    Args:
        location: Folder in diffusers layout, or hub id.
        device: Device that it runs on.
        guidance_embedding: Whether to add a guidance embedding, initialized to have no effect.
        image_channels: Channels of an image latent that it shall take, initialized to have no
            effect; 0 for as many as it has.
        condition_channels: Channels of the condition that a branch shall take, initialized to have
            no effect; 0 for the model's own branch, if any.
        fusion: How a new branch adds to the UNet: `sum` or `mixture`.
        **options: See `OPTIONS`.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken, or a student could not be
            saved, see `files_to_copy`.
        ConfigError: An option is invalid, or a revision is given for a local folder.
    """
    chosen = OPTIONS(**options)
    layout = read_layout(location, chosen.revision)
    # Before a training, not when its first student is saved.
    files_to_copy(layout, chosen.variant)
    return load_denoiser(
        layout,
        chosen.variant,
        guidance_embedding,
        image_channels,
        condition_channels=condition_channels,
        fusion=fusion,
        branch=find_branch(chosen.branch, layout),
        lora=find_lora(chosen.lora) if chosen.lora else None,
    ).to(device)


def build_autoencoder(*, location: str, device: torch.device, **options: Any) -> Autoencoder:
    """Load only the VAE, in float32 and with gradients to its inputs; its weights are frozen.

    Args:
        location: Folder in diffusers layout, or hub id.
        device: Device that it runs on.
        **options: See `OPTIONS`.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken.
        ConfigError: An option is invalid, or a revision is given for a local folder.
    """
    chosen = OPTIONS(**options)
    return Autoencoder(read_layout(location, chosen.revision).snapshot, chosen.variant, device)


def save_student(
    *,
    denoiser: Denoiser,
    folder: Path,
    location: str,
    autoencoder: Autoencoder | None = None,
    **options: Any,
) -> None:
    """Save a trained UNet with all its parts, as a folder that diffusers' pipeline loads.

    Args:
        denoiser: The trained denoiser from `build_denoiser`.
        folder: Output folder, which must not exist yet.
        location: Location of the teacher, whose text encoders, tokenizers and VAE are copied.
        autoencoder: The trained VAE, saved instead of the teacher's; None for the teacher's.
        **options: See `OPTIONS`.

    Raises:
        TeacherLoadError: A part of the teacher is missing.
    """
    chosen = OPTIONS(**options)
    layout = read_layout(location, chosen.revision)
    vae = None if autoencoder is None else autoencoder.network
    export_pipeline(layout, chosen.variant, denoiser, vae, folder)


def save_branch(*, denoiser: Denoiser, folder: Path) -> None:
    """Save the condition branch of a denoiser, as a folder of diffusers' `ControlNetModel`.

    Args:
        denoiser: The denoiser, which has one.
        folder: Output folder, which must not exist yet.
    """
    denoiser.branch.save(folder)


def prompt_counter(
    *, location: str, **options: Any
) -> tuple[Callable[[Sequence[str]], list[int]], int]:
    """Load only the tokenizers.

    Args:
        location: Folder in diffusers layout, or hub id.
        **options: See `OPTIONS`.

    Returns:
        `Teacher.count_tokens` and `Teacher.max_prompt_tokens`.

    Raises:
        TeacherLoadError: The model cannot be found, or its class is not supported.
        ConfigError: An option is invalid, or a revision is given for a local folder.
    """
    layout = read_layout(location, OPTIONS(**options).revision)
    tokenizers = [load_tokenizer(layout, ending) for ending in layout.text_encoders]
    return partial(count_tokens, tokenizers), layout.max_prompt_tokens


def build(
    *,
    location: str,
    device: torch.device,
    dtype: torch.dtype,
    negative_prompt: str,
    with_network: bool = True,
    **options: Any,
) -> "LatentDiffusion":
    """Load a teacher.

    Args:
        location: Folder in diffusers layout, or hub id.
        device: Device that it runs on.
        dtype: Precision of UNet and text encoders; the VAE stays in float32.
        negative_prompt: The negative prompt.
        with_network: Whether to load the UNet; only `predict` needs it. Without it, the text
            encoders are loaded when they are first used.
        **options: See `OPTIONS`.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken, see also `describe`.
        ConfigError: An option is invalid, or a revision is given for a local folder.
    """
    chosen = OPTIONS(**options)
    layout, variant = read_layout(location, chosen.revision), chosen.variant
    stems = [stem for stem in layout.weight_stems if with_network or stem != UNET_WEIGHTS]
    weights = fetch_weights(layout.snapshot, stems, variant, whole=with_network)
    lora = find_lora(chosen.lora) if chosen.lora else None
    unet = None
    if with_network:
        merged = None if lora is None else (lora, "unet")
        unet = load_network(UNet2DConditionModel, weights[UNET_WEIGHTS], dtype, lora=merged)
        if device.type == "cuda":
            # Enables fast kernels on GPUs; on the CPU it would only change the last bits.
            unet = unet.to(memory_format=torch.channels_last)
        unet = unet.to(device)
    branch = find_branch(chosen.branch, layout) if with_network else None

    def load_towers() -> list[Tower]:
        towers = []
        for ending in layout.text_encoders:
            cls = TEXT_CLASSES[ending]
            part = f"text_encoder{ending}"
            merged = None if lora is None else (lora, part)
            encoder = load_network(cls, weights[f"{part}/model"], dtype, lora=merged)
            towers.append(Tower(load_tokenizer(layout, ending), encoder.to(device=device)))
        return towers

    teacher = LatentDiffusion(
        layout,
        variant,
        unet,
        load_towers,
        branch=None if branch is None else branch.load(variant, dtype).to(device),
        device=device,
        dtype=dtype,
        negative_prompt=negative_prompt,
    )
    if with_network:
        # Whoever samples encodes prompts too: memory that runs short is noticed here.
        _ = teacher.negative
    return teacher

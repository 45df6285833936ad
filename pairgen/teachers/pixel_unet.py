"""Pixel-space models of diffusers: a UNet2DModel, unconditional or with class labels.

A location is a folder in diffusers layout (`model_index.json` of a DDPMPipeline or DDIMPipeline,
`unet/`, `scheduler/`) or a hub id. The scheduler's config gives the schedule and what the UNet
predicts; its step rule and its clipping of x0 (`clip_sample`, `thresholding`), which is not part of
the ODE, are not used. The latent is the image itself: pixels approximately in [-1, 1], [C, H, W].

A prompt is a class label, given as a number or a name. An unconditional model ignores prompts. A
model config for a CIFAR-10 model whose eleventh class was trained to mean no class:

    teacher: pixel_unet
    location: /models/cifar10        # an absolute folder, or one beside this file, or a hub id
    options:
      labels: [airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck]
      null_label: 10                 # without it there is no guidance, only --cfg 1
    dtype: float32
    batch_size: 64
    samples_per_shard: 4096

Names may also be given by `id2label` in `model_index.json`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DModel

from pairgen.errors import ConfigError
from pairgen.teachers._pretrained.denoiser import Denoiser
from pairgen.teachers._pretrained.export import save_one_step
from pairgen.teachers._pretrained.files import read_json
from pairgen.teachers._pretrained.folders.weights import fetch_weights
from pairgen.teachers._pretrained.networks import load_network
from pairgen.teachers._pretrained.options import PixelUnetOptions
from pairgen.teachers._pretrained.pixel_model import (
    MAX_PROMPT_TOKENS,
    PixelAutoencoder,
    Pixels,
    PixelUnet,
    count_tokens,
    unet_output,
)
from pairgen.teachers._pretrained.pixels import read_layout
from pairgen.teachers.base import DecoderDescription, Description

OPTIONS = PixelUnetOptions


def describe(
    *,
    location: str,
    **options: Any,
) -> Description:
    """Describe a teacher from its configs; for a local folder, the weights are hashed too.

    Args:
        location: Folder in diffusers layout, or hub id.
        **options: See `OPTIONS`.

    Raises:
        TeacherLoadError: The model cannot be found, or its class is not supported.
        ConfigError: The labels do not fit the model, or a revision is given for a local folder.
    """
    chosen = OPTIONS(**options)
    return read_layout(location, chosen).describe(chosen.variant)


def prompt_counter(**options: Any) -> tuple[Callable[[Sequence[str]], list[int]], int]:
    """Return `count_tokens` and the maximum number of tokens; there is no tokenizer."""
    del options
    return count_tokens, MAX_PROMPT_TOKENS


def build(
    *,
    location: str,
    device: torch.device,
    dtype: torch.dtype,
    negative_prompt: str,
    with_network: bool = True,
    **options: Any,
) -> "PixelUnet":
    """Load a teacher.

    Args:
        location: Folder in diffusers layout, or hub id.
        device: Device that it runs on.
        dtype: Precision of the UNet.
        negative_prompt: Label of the negative class; empty for the null label.
        with_network: Whether to load the UNet; only `predict` needs it.
        **options: See `OPTIONS`.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken, see also `describe`.
        ConfigError: The negative prompt is not a label, see also `describe`.
    """
    chosen = OPTIONS(**options)
    layout = read_layout(location, chosen)
    unet = None
    if with_network:
        stems, variant = [layout.weights], chosen.variant
        (weights,) = fetch_weights(layout.snapshot, stems, variant, whole=True).values()
        unet = load_network(UNet2DModel, weights, dtype)
        if device.type == "cuda":
            # Enables fast kernels on GPUs; on the CPU it would only change the last bits.
            unet = unet.to(memory_format=torch.channels_last)
        unet = unet.to(device)
    return PixelUnet(layout, unet, device=device, negative_prompt=negative_prompt)


def describe_decoder(
    *,
    location: str,
    **options: Any,
) -> DecoderDescription:
    """Describe the decoder, which is the same for every model: latents are images.

    Raises:
        TeacherLoadError: The model cannot be found, or its class is not supported.
    """
    layout = read_layout(location, OPTIONS(**options))
    _, height, width = layout.image_shape
    return DecoderDescription(identity={"decoder": "pixels"}, size_px=(height, width))


def build_decoder(*, device: torch.device, **options: Any) -> "Pixels":
    """Return the decoder; there is nothing to load."""
    del options
    return Pixels(device)


def build_denoiser(
    *,
    location: str,
    device: torch.device,
    guidance_embedding: bool = False,
    image_channels: int = 0,
    **options: Any,
) -> Denoiser:
    """Load only the UNet, in float32 and ready for training; options as for `build`.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken.
        ConfigError: A guidance embedding or an image latent is requested, which pairgen does not
            add to a UNet2DModel.
    """
    if guidance_embedding:
        raise ConfigError(
            "guidance_embedding must be false: a UNet2DModel cannot take a guidance scale."
        )
    if image_channels:
        raise ConfigError(
            "A UNet2DModel takes no image latent: give a latent-space model for this method."
        )
    chosen = OPTIONS(**options)
    layout = read_layout(location, chosen)
    (weights,) = fetch_weights(layout.snapshot, [layout.weights], chosen.variant).values()
    return Denoiser(
        load_network(UNet2DModel, weights, torch.float32),
        unet_output,
        prediction=layout.prediction,
        schedule=layout.schedule,
        latent_shape=layout.image_shape,
        guidance_dim=0,
    ).to(device)


def build_autoencoder(*, location: str, device: torch.device, **options: Any) -> PixelAutoencoder:
    """Return the identity: latents are images; options as for `build`.

    Raises:
        TeacherLoadError: The model cannot be found, or its class is not supported.
    """
    del device
    return PixelAutoencoder(read_layout(location, OPTIONS(**options)).image_shape[0])


def save_student(
    *,
    denoiser: Denoiser,
    folder: Path,
    location: str,
    **options: Any,
) -> None:
    """Save a trained UNet as a folder that diffusers' DDIMPipeline loads; options as for `build`.

    Raises:
        TeacherLoadError: The teacher's configs cannot be read.
    """
    layout = read_layout(location, OPTIONS(**options))
    index = read_json(layout.snapshot, "model_index.json")
    index |= {
        "_class_name": "DDIMPipeline",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "unet": ["diffusers", "UNet2DModel"],
    }
    save_one_step(
        folder, layout.snapshot, f"{layout.scheduler}scheduler_config.json", index, denoiser
    )

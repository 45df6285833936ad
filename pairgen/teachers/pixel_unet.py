"""Pixel-space models of diffusers: a UNet2DModel, unconditional or with class labels.

A location is a folder in diffusers layout (`model_index.json` of a DDPMPipeline or DDIMPipeline,
`unet/`, `scheduler/`) or a hub id. What the UNet predicts and its schedule stand in the scheduler's
config; its step rule and its clipping of x0 (`clip_sample`, `thresholding`), which is no part of
the ODE, are not used. The latent is the picture: pixels in [-1, 1], nearly, and [C, H, W].

A prompt is a class label, its number or its name. An unconditional model ignores prompts. A model
config for a CIFAR-10 model whose eleventh class was trained to mean no class:

    teacher: pixel_unet
    location: /models/cifar10        # an absolute folder, or one beside this file, or a hub id
    options:
      labels: [airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck]
      null_label: 10                 # without it there is no guidance, only --cfg 1
    dtype: float32
    batch_size: 64
    samples_per_shard: 4096

Names may also stand under `id2label` in `model_index.json`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DModel
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.teachers._pretrained.denoiser import Denoiser
from pairgen.teachers._pretrained.export import save_one_step
from pairgen.teachers._pretrained.files import fetch_weights, read_json
from pairgen.teachers._pretrained.networks import convert, load_network
from pairgen.teachers._pretrained.pixels import Layout, read_layout
from pairgen.teachers._pretrained.predict import predict_guided
from pairgen.teachers.base import Conditioning, DecoderDescription, Description

# A label is read as a whole, whatever its length.
MAX_PROMPT_TOKENS = 1


def describe(
    *,
    location: str,
    labels: Sequence[str] = (),
    null_label: int | None = None,
    revision: str = "",
    variant: str = "",
) -> Description:
    """Describe a teacher from its configs; of a local folder the weights are hashed too.

    Args:
        location: Folder in diffusers layout, or hub id.
        labels: Names of the classes in order; empty for those of the folder, or none.
        null_label: The class that stands for no class, which guidance leads away from.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        variant: Of the weight files, such as `fp16`; empty for those without one.

    Raises:
        TeacherLoadError: The model cannot be found, or is not of a class that this file knows.
        ConfigError: The labels do not fit the model, or a revision is given for a local folder.
    """
    return read_layout(location, revision, labels, null_label).describe(variant)


def prompt_counter(**options: Any) -> tuple[Callable[[Sequence[str]], list[int]], int]:
    """Return `count_tokens` and the number of tokens that is read; there is no tokenizer."""
    del options
    return count_tokens, MAX_PROMPT_TOKENS


def build(
    *,
    location: str,
    device: torch.device,
    dtype: torch.dtype,
    negative_prompt: str,
    with_network: bool = True,
    labels: Sequence[str] = (),
    null_label: int | None = None,
    revision: str = "",
    variant: str = "",
) -> "PixelUnet":
    """Load a teacher.

    Args:
        location: Folder in diffusers layout, or hub id.
        device: Where it runs.
        dtype: Of the UNet.
        negative_prompt: Label of the class that guidance leads away from; empty for the null label.
        with_network: False for all but `predict`, when only labels and pictures are needed.
        labels: Names of the classes in order; empty for those of the folder, or none.
        null_label: The class that stands for no class.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        variant: Of the weight files, such as `fp16`; empty for those without one.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken, see also `describe`.
        ConfigError: The negative prompt is no label, see also `describe`.
    """
    layout = read_layout(location, revision, labels, null_label)
    unet = None
    if with_network:
        files = fetch_weights(layout.snapshot, [layout.weights], variant)
        unet = load_network(UNet2DModel, files[layout.weights], variant, dtype)
        if device.type == "cuda":
            # The layout of the fast kernels there; on the CPU it would only change the last bits.
            unet = unet.to(memory_format=torch.channels_last)
        unet = unet.to(device)
    return PixelUnet(layout, unet, device=device, negative_prompt=negative_prompt)


def describe_decoder(
    *,
    location: str,
    labels: Sequence[str] = (),
    null_label: int | None = None,
    revision: str = "",
    variant: str = "",
) -> DecoderDescription:
    """Describe the decoder, which is the same for every model: pixels are pictures.

    Raises:
        TeacherLoadError: The model cannot be found, or is not of a class that this file knows.
    """
    del variant
    layout = read_layout(location, revision, labels, null_label)
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
    labels: Sequence[str] = (),
    null_label: int | None = None,
    revision: str = "",
    variant: str = "",
) -> Denoiser:
    """Load the UNet alone, in float32 and ready to be trained; options as for `build`.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken.
        ConfigError: A guidance embedding is asked for, which a UNet2DModel has no place for.
    """
    if guidance_embedding:
        raise ConfigError("guidance_embedding: a UNet2DModel has no place for a guidance scale.")
    layout = read_layout(location, revision, labels, null_label)
    (files,) = fetch_weights(layout.snapshot, [layout.weights], variant).values()
    return Denoiser(
        load_network(UNet2DModel, files, variant, torch.float32),
        unet_output,
        prediction=layout.prediction,
        schedule=layout.schedule,
        latent_shape=layout.image_shape,
        guidance_dim=0,
    ).to(device)


def save_student(
    *,
    denoiser: Denoiser,
    folder: Path,
    location: str,
    labels: Sequence[str] = (),
    null_label: int | None = None,
    revision: str = "",
    variant: str = "",
) -> None:
    """Write a trained UNet as a folder that diffusers' DDIMPipeline loads; options as for `build`.

    Raises:
        TeacherLoadError: The teacher's configs cannot be read.
    """
    del variant
    layout = read_layout(location, revision, labels, null_label)
    index = read_json(layout.snapshot, "model_index.json")
    index |= {
        "_class_name": "DDIMPipeline",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "unet": ["diffusers", "UNet2DModel"],
    }
    save_one_step(
        folder, layout.snapshot, f"{layout.scheduler}scheduler_config.json", index, denoiser
    )


def unet_output(
    unet: Any, x: Tensor, t: Tensor, conditioning: Conditioning, guidance_scale: Tensor | None
) -> Tensor:
    """Return the UNet's own output in float32, [B, C, H, W]; no guidance scale is told."""
    del guidance_scale
    classes = conditioning.tensors.get("class_labels")
    output: Tensor = unet(x.to(unet.dtype), t, class_labels=classes, return_dict=False)[0]
    return output.float()


def count_tokens(prompts: Sequence[str]) -> list[int]:
    """Return 1 for each prompt."""
    return [1] * len(prompts)


class Pixels:
    """A decoder of latents that are pictures already."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def decode(self, latent: Tensor) -> Tensor:
        """Return the states as pictures, clamped; gray ones three times, see `Decoder.decode`."""
        pictures = latent.to(self.device, torch.float32).clamp(-1, 1)
        return pictures.expand(-1, 3, -1, -1)


class PixelUnet(Pixels):
    """A UNet2DModel as `pairgen.teachers.base.Teacher`.

    A conditioning is `class_labels` [N] int64; of an unconditional model `unconditional` [N, 0],
    which holds nothing.
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
            ConfigError: A prompt is no label.
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
            ConfigError: Guidance is asked for, and there is no null label.
        """
        if guidance is not None and self._layout.null_label is None:
            raise ConfigError("Guidance needs a null_label to lead away from; there is none.")
        prediction, negative = self._layout.prediction, self.negative
        return predict_guided(
            self._forward, self.schedule, prediction, negative, x, t, conditioning, guidance
        )

    def features(self, latent: Tensor) -> list[Tensor]:
        """Return the states themselves: there is no decoder to look into."""
        return [latent]

    def encode(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return the pictures themselves, of gray models their mean; nothing is drawn."""
        del generator
        image = image.to(self.device, torch.float32)
        return image.mean(dim=1, keepdim=True) if self.latent_shape[0] == 1 else image

    def to_dtype(self, dtype: torch.dtype) -> None:
        """Convert the UNet."""
        if self._unet is not None:
            convert(self._unet, dtype)

    def compile(self) -> None:
        """Compile the UNet at the shapes it will see."""
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

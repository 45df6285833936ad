"""How to write a teacher.

A teacher is a file in this folder (or a module of your own) that defines

    build(*, location, device, dtype, negative_prompt, **options) -> Teacher
    describe(*, location, **options) -> Description
    prompt_counter(*, location, **options) -> (count_tokens, max_prompt_tokens)
    describe_decoder(*, location, **options) -> DecoderDescription
    build_decoder(*, location, device, **options) -> Decoder

and, if students can be trained from it,

    build_denoiser(*, location, device, guidance_embedding, image_channels, condition_channels,
                   fusion, **options) -> Denoiser
    build_autoencoder(*, location, device, **options) -> Autoencoder
    save_student(*, denoiser, autoencoder, folder, location, **options)
    save_branch(*, denoiser, folder)

`build` loads the weights; `describe` only reads configs and hashes files, so that a plan can be
made on a machine without a GPU; `prompt_counter` only loads the tokenizer, to reject long prompts
before any slot is numbered. `describe_decoder` and `build_decoder` are for images of existing
latents: the latter loads only what `decode` needs, and decodes to the same bits as the whole
teacher. A file in `configs/models/` names the module, its location, its options and the defaults of
a run. The contract tests find new teachers automatically.

`**options` are the options in that file. Pairgen's own teachers declare them as fields of a
subclass of `pairgen.options.Options`, named `OPTIONS` in the module, each with a rule, a sentence
and a default, and use it to check the given options. A module of your own may do the same, or take
plain keyword arguments.

A teacher whose text encoders can be freed meets `FreesTextEncoders`; a training that reads stored
embeddings then frees them before its first step.

A teacher with classes sets `Description.labels`: its prompts are labels, other prompts are rejected
before any slot is numbered, and samples store the class as `cls`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from pairgen.labels import ClassLabels
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.parameterization import Prediction, Schedule


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a plan needs to know about a teacher, found without loading its weights.

    Attributes:
        identity: Plain data that distinguishes teachers: weights hash or hub commit, prediction
            type, schedule. It is part of the fingerprint.
        location: Where a worker finds the weights: an absolute folder, a `package:` location
            (see `config.local_path`), or a hub id (the commit is in `identity`).
        schedule: alpha and sigma over time.
        latent_shape: Shape [C, H, W] of noise and latent.
        embedding_shapes: Mapping from member name (without `.npy`) to shape, for the embeddings
            that `--store-embeddings` stores.
        labels: The classes that prompts name; None if prompts are texts.
        guidable: Whether classifier-free guidance is possible.
        image_channels: Channels of the image latent that the network takes beside the state; 0 for
            none.
        condition_channels: Channels of the condition that its branch takes; 0 for no branch.
    """

    identity: Mapping[str, Any]
    location: str
    schedule: Schedule
    latent_shape: tuple[int, int, int]
    embedding_shapes: Mapping[str, tuple[int, ...]]
    labels: ClassLabels | None = None
    guidable: bool = True
    image_channels: int = 0
    condition_channels: int = 0


@dataclass(frozen=True, kw_only=True)
class DecoderDescription:
    """What a plan needs to know about a teacher's decoder, found without loading its weights.

    Attributes:
        identity: Plain data that distinguishes decoders. It is separate from
            `Description.identity`, which need not cover the decoder.
        size_px: Height and width of an image in pixels.
        latent_shape: Shape [C, H, W] of the latent of such an image; None if images cannot be
            encoded.
    """

    identity: Mapping[str, Any]
    size_px: tuple[int, int]
    latent_shape: tuple[int, int, int] | None = None

    @property
    def factor(self) -> int:
        """Pixels a latent, along each axis; 1 for images that are their own latents."""
        return 1 if self.latent_shape is None else self.size_px[0] // self.latent_shape[1]


class Decoder(Protocol):
    """Decodes latents to images; every teacher is a decoder.

    Attributes:
        device: Device of the tensors.
    """

    device: torch.device

    def decode(self, latent: Tensor) -> Tensor:
        """Decode latents [B, C, H, W] to images [B, 3, H', W'] in [-1, 1]."""
        ...


class Denoiser(Protocol):
    """A teacher's network in float32 that gradients flow through: a student, or a critic.

    It is a `pairgen.adapters.adaptable.Adaptable`: calls use its own adapter if it has one, and
    `beside()` returns another denoiser of the same weights for an adapter of its own.

    Attributes:
        network: The diffusers model that is optimized, given adapters and saved.
        prediction: The quantity that it predicts.
        schedule: alpha and sigma over time.
        latent_shape: Shape [C, H, W] of a latent.
        guidance_dim: Width of its guidance embedding; 0 for none.
        image_channels: Channels of the image latent that it takes in `conditioning`; 0 for none.
        branch: Its condition branch, a `torch.nn.Module` that a player can hold; None for none.
        condition_channels: Channels of the condition that the branch takes; 0 for no branch.
    """

    network: Any
    prediction: Prediction
    schedule: Schedule
    latent_shape: tuple[int, int, int]
    guidance_dim: int
    image_channels: int
    branch: Any
    condition_channels: int

    def beside(self) -> Self:
        """Return another denoiser of the same weights, without an adapter."""
        ...

    def __call__(
        self,
        x: Tensor,
        t: Tensor,
        conditioning: Conditioning,
        guidance_scale: Tensor | None = None,
    ) -> Tensor:
        """Return the network's own output.

        Args:
            x: State, [B, C, H, W].
            t: Times, [B].
            conditioning: The prompts' conditioning, B rows.
            guidance_scale: Guidance scales, [B], for a network with a guidance embedding; None
                means 1.

        Returns:
            The output, [B, C, H, W] float32; the last layer is never computed in lower precision.
        """
        ...


class Autoencoder(Protocol):
    """The VAE of a teacher in float32, with gradients to its inputs and, if trained, its weights.

    Attributes:
        encoder: Its first half, a `torch.nn.Module` that a player can hold: called like `encode`.
            That of a VAE also has `of_moments(moments, noise)`, which returns the latents of stored
            moments: [B, 2C, H, W], means, then log-variances, unscaled.
        decoder: Its second half, called like `decode`.
        network: The diffusers model of both, which is saved; None if there is none.
        factor: Pixels a latent, along each axis.
    """

    encoder: Any
    decoder: Any
    network: Any
    factor: int

    def latent_shape(self, size_px: tuple[int, int]) -> tuple[int, int, int]:
        """Return the shape [C, H, W] of the latent of an image of a height and width in pixels.

        Raises:
            ConfigError: No latent has such an image.
        """
        ...

    def encode(self, image: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the latents of images.

        Args:
            image: Images, [B, 3, H', W'] in [-1, 1].
            noise: Standard normal numbers [B, C, H, W], each sample's own, for a sample of the
                posterior; None for its mean.

        Returns:
            Latents, [B, C, H, W] float32.
        """
        ...

    def decode(self, latent: Tensor) -> Tensor:
        """Return the images of latents, [B, 3, H', W'] float32 around [-1, 1], not clamped."""
        ...


class Teacher(Decoder, Protocol):
    """A diffusion model that predicts x0, and so eps, of x_t = alpha(t) x0 + sigma(t) eps.

    Attributes:
        schedule: alpha and sigma over time.
        latent_shape: Shape [C, H, W] of a latent.
        max_prompt_tokens: Maximum number of tokens; longer prompts are truncated, as in the
            teacher's own pipeline.
        negative: Conditioning of the negative prompt, one row; it may have no row if
            `Description.guidable` is false.
    """

    schedule: Schedule
    latent_shape: tuple[int, int, int]
    max_prompt_tokens: int
    negative: Conditioning

    def count_tokens(self, prompts: Sequence[str]) -> list[int]:
        """Return each prompt's number of tokens before truncation, including special tokens."""
        ...

    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Return the conditioning of N prompts, one row each, on `device`."""
        ...

    def predict(
        self, x: Tensor, t: Tensor, conditioning: Conditioning, guidance: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Predict (x0, eps) at x_t.

        Args:
            x: State, [B, C, H, W] float32, unit variance at the first time.
            t: Times, [B] float64, real-valued.
            conditioning: The prompts' conditioning, B rows.
            guidance: Guidance scales, [B] float32; None for no guidance, which halves the cost.

        Returns:
            x0 and eps, each [B, C, H, W] float32, whatever the network's dtype.
        """
        ...

    def encode(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Encode images [B, 3, H', W'] in [-1, 1] to latents, sampled from the posterior."""
        ...

    def features(self, latent: Tensor) -> list[Tensor]:
        """Return the decoder's features of latents, block by block, with the image last.

        Perceptual losses use them: gradients flow to the latents.
        """
        ...

    def to_dtype(self, dtype: torch.dtype) -> None:
        """Convert the network; non-finite samples are retried in float32."""
        ...

    def compile(self) -> None:
        """Compile the network for its static shapes."""
        ...


@runtime_checkable
class FreesTextEncoders(Protocol):
    """A teacher whose text encoders can be freed; others have none, or keep them."""

    def free_text_encoders(self) -> None:
        """Free the text encoders: `negative` stays, and prompts that follow load them again."""
        ...

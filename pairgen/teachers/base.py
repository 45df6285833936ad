"""The manual of the teacher family.

A teacher is a file here (or a module of your own) that defines

    build(*, location, device, dtype, negative_prompt, **options) -> Teacher
    describe(*, location, **options) -> Description
    prompt_counter(*, location, **options) -> (count_tokens, max_prompt_tokens)
    describe_decoder(*, location, **options) -> DecoderDescription
    build_decoder(*, location, device, **options) -> Decoder

and, if students can be trained from it,

    build_denoiser(*, location, device, guidance_embedding, **options) -> Denoiser
    save_student(*, denoiser, folder, location, **options)

`build` loads the weights; `describe` reads only configs and hashes files, so that a plan can be
made on a machine without a GPU; `prompt_counter` loads only the tokenizer, for refusing long
prompts before any slot is numbered. The last two are for pictures of latents that are already made:
`build_decoder` loads only what `decode` needs, and decodes to the same bits as the whole teacher. A
file in `configs/models/` names the module, its location, its options and the defaults of a run. The
contract tests find a new member by themselves.

`**options` are those of the file. Pairgen's own teachers declare them as fields of a class on top
of `pairgen.options.Options`, named `OPTIONS` in the module, each with a rule, a sentence and a
default, and check with it what they are given. A module of your own may do the same, or take plain
keywords.

A teacher that knows classes says so with `Description.labels`: its prompts are labels, others are
refused before any slot is numbered, and samples carry the class as `cls`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pairgen.labels import ClassLabels
from pairgen.sampling.parameterization import Prediction, Schedule


@dataclass(frozen=True)
class Conditioning:
    """What the network is told about N prompts.

    Attributes:
        tensors: Name to tensor, [N, ...] each. Stable Diffusion: `txt_emb` [N, L, D]; SDXL also
            `pooled_emb` [N, P]. Teachers with classes: `class_labels` [N] int64.
    """

    tensors: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, rows: Any) -> "Conditioning":
        return Conditioning({name: tensor[rows] for name, tensor in self.tensors.items()})

    def expand(self, num: int) -> "Conditioning":
        """Repeat the only row `num` times without copying it."""
        return Conditioning(
            {name: tensor.expand(num, *tensor.shape[1:]) for name, tensor in self.tensors.items()}
        )

    @staticmethod
    def cat(parts: Sequence["Conditioning"]) -> "Conditioning":
        """Join rows, in order."""
        return Conditioning(
            {name: torch.cat([part.tensors[name] for part in parts]) for name in parts[0].tensors}
        )


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a plan needs to know of a teacher, found without loading its weights.

    Attributes:
        identity: Plain data that tells two teachers apart: weights hash or hub commit,
            prediction type, schedule. Goes into the fingerprint.
        location: Where a worker finds the weights: an absolute folder, a `package:` location
            (see `config.local_path`), or a hub id (the commit is in `identity`).
        schedule: alpha and sigma over time.
        latent_shape: [C, H, W] of noise and latent.
        embedding_shapes: Member name (without `.npy`) to shape, of what `--store-embeddings` keeps.
        labels: The classes that prompts name; None where prompts are texts.
        guidable: Whether there is anything for guidance to lead away from.
    """

    identity: Mapping[str, Any]
    location: str
    schedule: Schedule
    latent_shape: tuple[int, int, int]
    embedding_shapes: Mapping[str, tuple[int, ...]]
    labels: ClassLabels | None = None
    guidable: bool = True


@dataclass(frozen=True, kw_only=True)
class DecoderDescription:
    """What a plan needs to know of a teacher's decoder, found without loading its weights.

    Attributes:
        identity: Plain data that tells two decoders apart. Apart from `Description.identity`,
            which need not say anything of the decoder.
        size_px: Height and width of a picture.
    """

    identity: Mapping[str, Any]
    size_px: tuple[int, int]


class Decoder(Protocol):
    """Turns latents into pictures; every teacher is one.

    Attributes:
        device: Where the tensors live.
    """

    device: torch.device

    def decode(self, latent: Tensor) -> Tensor:
        """Return the pictures of latents [B, C, H, W]: [B, 3, H', W'] in [-1, 1]."""
        ...


class Denoiser(Protocol):
    """A teacher's network in float32 that gradients flow through: a student, or a critic.

    It is a `torch.nn.Module`.

    Attributes:
        network: What is optimised, given adapters and saved: a diffusers model.
        prediction: What it predicts.
        schedule: alpha and sigma over time.
        latent_shape: [C, H, W].
        guidance_dim: Width of its guidance embedding; 0 for none.
    """

    network: Any
    prediction: Prediction
    schedule: Schedule
    latent_shape: tuple[int, int, int]
    guidance_dim: int

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
            conditioning: Of the prompts, B rows.
            guidance_scale: [B], for a network that is told; None is 1.

        Returns:
            [B, C, H, W] float32; the last layer is never computed in less.
        """
        ...


class Teacher(Decoder, Protocol):
    """A diffusion model that predicts x0, and so eps, of x_t = alpha(t) x0 + sigma(t) eps.

    Attributes:
        schedule: alpha and sigma over time.
        latent_shape: [C, H, W].
        max_prompt_tokens: Longer prompts are cut, as the teacher's own pipeline does.
        negative: Conditioning of the negative prompt, one row; perhaps none where
            `Description.guidable` is false.
    """

    schedule: Schedule
    latent_shape: tuple[int, int, int]
    max_prompt_tokens: int
    negative: Conditioning

    def count_tokens(self, prompts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each prompt before it is cut, special tokens included."""
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
            conditioning: Of the prompts, B rows.
            guidance: Guidance scales, [B] float32; None for none, which halves the cost.

        Returns:
            x0 and eps, each [B, C, H, W] float32, whatever the network's dtype.
        """
        ...

    def encode(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return latents of pictures [B, 3, H', W'] in [-1, 1], drawn from their posterior."""
        ...

    def features(self, latent: Tensor) -> list[Tensor]:
        """Return what decoding makes of latents block by block, the picture last.

        For perceptual losses: gradients flow to the latents.
        """
        ...

    def to_dtype(self, dtype: torch.dtype) -> None:
        """Convert the network; float32 and back is how a non-finite sample is tried again."""
        ...

    def compile(self) -> None:
        """Compile the network at the shapes it will see."""
        ...

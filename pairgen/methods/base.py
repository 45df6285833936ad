"""How to write a method.

A method is a file in this folder (or a module of your own) that defines

    build(*, setup: Setup, **options) -> Method

and a file of the same name in `configs/train/` with the values of its recipe. A method in this
folder declares its options as a class of fields, `OPTIONS` (see `pairgen.options`); a module of
your own may name them in the signature of `build` instead.

A method may state what it needs of its datasets, so that `pairgen methods` shows it, and a training
on a set that lacks it is refused with the command that adds it:

    NEEDS = Needs(members=(need("latent.npy", "png", note="the VAE encodes png"), need("txt")))

or, if that depends on its options, a function of an `OPTIONS` that returns it.

A method has no loop, no optimizer and no files. It names its *players*, and the trainer asks it in
every step who plays, computes what they share once, asks each player for its loss, and steps them.

A **step** is one update of the student. It has one or more *rounds*, each with a batch of its own;
the student plays in exactly one of them. For a critic that is updated twice as often:

    def rounds(self, step):
        return (("critic",), ("critic", STUDENT))

A round does the following:

    shared = method.forward(players, batch, draws)
    for player in players:                # with the weights from the start of the round
        loss, figures = method.loss(player, shared, batch, draws)
        (gradients are computed for this player's weights only)
    step every player of the round

After the last round, `method.after_step(step)` is called.

A **player** is a `torch.nn.Module`: a network, or several of them that are stepped together:

    nn.ModuleDict({"unet": denoiser, "encoder": autoencoder.encoder})

Learning rate, average and clipping belong to the player. Adapters belong to each of its networks,
by name (`student.unet.lora_rank=4`), and are added by the trainer after `build`: a method calls
its networks as if there were none. **Several players on one set of weights** are several
`denoiser.beside()`: each computes with its own adapter, and one that is no player computes with the
frozen weights. They can be called in any order, also with gradient checkpointing.

Networks that only take part (a frozen decoder, a teacher) belong to no player. What else changes
and belongs in a checkpoint (an averaged copy) is named by `kept()`; the buffers of players are in
checkpoints anyway, and on all ranks as the first has them.

`tests/training/test_method_contract.py` finds new methods automatically.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.image_recipe import ImageRecipe
from pairgen.sampling.conditioning import SUM, Conditioning
from pairgen.shards.loading.batch import Batch
from pairgen.teachers.base import Autoencoder, Denoiser, Teacher
from pairgen.types import Plan
from pairgen.vision.model import VisionModel

# Name of the player that is exported.
STUDENT = "student"
# Weights of a finished run: those of its student, or those after its last step.
AVERAGE, LAST = RUN_WEIGHTS = ("average", "last")
# Cost of training a network on a sample: one evaluation, and about two for its gradients.
EVALUATIONS_IF_TRAINED = 3


@dataclass(frozen=True)
class Need:
    """A member that a method reads of every sample, or one of several that serve as well.

    Attributes:
        any_of: Names of members, the one that is preferred first. A method that reads several
            together has several needs.
        note: What is done with it, as a sentence without a full stop; empty for nothing special.
        without: Option with which the method does without it, such as `prompts=fixed`; empty for
            none.
    """

    any_of: tuple[str, ...]
    note: str = ""
    without: str = ""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a method needs of its datasets, and of its perceptual network.

    Attributes:
        kinds: Kinds of datasets that it learns from; () for any.
        members: Members of every sample, of the dataset or of its overlays.
        facts: Columns of the index, of the dataset or of its overlays.
        scales: Pictures of LR, and how many times as large HR must be. HR is the first of png, jpg
            and webp that a dataset has.
        encodes: Whether HR, or LR enlarged to its size, is encoded by the student's VAE, or has the
            size of what it decodes. Pictures of other sizes than it takes are then refused.
        perceptual: Channels of what the network of its option `perceptual` compares; 0 if it reads
            none, or knows only with its teacher which.
    """

    kinds: tuple[str, ...] = ()
    members: tuple[Need, ...] = ()
    facts: tuple[str, ...] = ()
    scales: Mapping[str, int] = field(default_factory=dict)
    encodes: bool = False
    perceptual: int = 0


def need(*any_of: str, note: str = "", without: str = "") -> Need:
    """Return the need of one of some members."""
    return Need(any_of, note, without)


class NewDenoiser(Protocol):
    """Loads a copy of the teacher's network for training."""

    def __call__(
        self,
        guidance_embedding: bool = False,
        *,
        image_channels: int = 0,
        condition_channels: int = 0,
        fusion: str = SUM,
    ) -> Denoiser:
        """Return the copy.

        Args:
            guidance_embedding: Whether to add a guidance embedding, initialized to have no effect.
            image_channels: Channels of an image latent that it shall take beside the state,
                initialized to have no effect; 0 for as many as it has.
            condition_channels: Channels of the condition that a branch beside it shall take,
                initialized to have no effect; 0 for the model's own branch, if any.
            fusion: How a new branch adds to it: `sum` or `mixture`.

        Raises:
            ConfigError: The network cannot take one of them.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The inputs of a method.

    Attributes:
        plans: The plans of the datasets to train on.
        members: Members that all datasets and their annotations offer, with dtype and shape.
            Embeddings of prompts are among them only if they are those of `teacher`.
        plans_with: Takes the name of a member; returns the plans that hold it, of the datasets or
            of overlays beside them.
        teacher: Encodes prompts and decodes latents; its network is not loaded.
        load_teacher: Loads the teacher with its network, frozen, for methods that evaluate it.
        load_run: Loads the network of a finished run, frozen, by the run's folder; the second
            argument chooses its weights: `average` (those it was exported with) or `last`.
        perceptual_net: Takes the location of a perceptual network's weights and a number of
            channels; returns the location, and warns the user if the weights are for another VAE
            than the teacher's. For an empty location, it returns that of the packaged weights.
        vision_model: Takes a vision transformer of transformers, as a folder or hub id, and finds
            it; for an empty name, it finds DINOv2, or for the packaged teacher the packaged one.
        new_denoiser: Loads another copy of the teacher's network for training.
        new_autoencoder: Loads the teacher's VAE with gradients, frozen unless a player holds its
            encoder or decoder.
        guidance_embedding: Whether the student is conditioned on the guidance scale.
        micro_batch_size: Number of samples per micro-batch.
        files: Mapping from the purpose of a file that was read besides the data to its SHA-256.
        runs: Folders of the runs that `load_run` has loaded.
        autoencoders: Those that `new_autoencoder` has returned, for the trainer: gradient
            checkpointing must reach them, whether a player holds a half or not.
        device: Device of all tensors.
    """

    plans: tuple[Plan, ...]
    members: Mapping[str, Any]
    plans_with: Callable[[str], tuple[Plan, ...]]
    teacher: Teacher
    load_teacher: Callable[[], Teacher]
    load_run: Callable[[str, str], Denoiser]
    perceptual_net: Callable[[str, int], str]
    vision_model: Callable[[str], VisionModel]
    new_denoiser: NewDenoiser
    new_autoencoder: Callable[[], Autoencoder]
    guidance_embedding: bool
    micro_batch_size: int
    files: Mapping[str, str]
    runs: Sequence[str]
    autoencoders: Sequence[Autoencoder]
    device: torch.device


@dataclass(frozen=True, kw_only=True)
class Student:
    """The result of a method that makes images from text.

    Attributes:
        denoiser: The trained network.
        generate: Maps noise [B, C, H, W], conditioning and guidance scales [B] (None for none) to
            latents [B, C, H, W].
        sampling: Options with which `pairgen sample` runs the student.
        num_evaluations: Network evaluations per image.
    """

    denoiser: Denoiser
    generate: Callable[[Tensor, Conditioning, Tensor | None], Tensor]
    sampling: Mapping[str, Any]
    num_evaluations: int


@dataclass(frozen=True, kw_only=True)
class ImageStudent:
    """The result of a method that makes images from images.

    It has no function of its own: how it runs is plain data, `recipe`, so that grids, `eval` and
    whoever loads the exported student run the same code, `pairgen.kinds.image_student`.

    Attributes:
        denoiser: The trained network.
        autoencoder: The VAE that it works with.
        recipe: What is done with an image.
        sampling: Steps, solver, times and guidance scale, as for `pairgen sample`.
        num_evaluations: Network evaluations per image.
    """

    denoiser: Denoiser
    autoencoder: Autoencoder
    recipe: ImageRecipe
    sampling: Mapping[str, Any]
    num_evaluations: int


class Game(Protocol):
    """The players that the trainer steps, and their losses."""

    def players(self) -> Mapping[str, nn.Module]:
        """Return the networks to train, by the player's name."""
        ...

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        """Return the players of each round of training step `step`, counted from 0."""
        ...

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Any:
        """Compute what the players of a round share, once, with gradients if one needs them."""
        ...

    def loss(
        self, player: str, shared: Any, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one player, a scalar, and metrics to log, scalars.

        The loss is the mean over the batch, so that it can be averaged over ranks and
        micro-batches. Detach here what must not reach another player's graph.
        """
        ...

    def after_step(self, step: int) -> None:
        """Do the work after a step, such as updating an averaged copy."""
        ...

    def kept(self) -> Mapping[str, nn.Module]:
        """Return the networks that change without being trained and belong in a checkpoint."""
        ...


class Method(Game, Protocol):
    """How a student learns. The player `student` is among its players.

    Attributes:
        fields: Members that the method needs of every sample.
        facts: Columns of the index that the method needs.
        evaluations: Evaluations of networks of the teacher's size, per sample of a batch and step,
            over all rounds of the step.
    """

    fields: Sequence[str]
    facts: Sequence[str]
    evaluations: float

    def student(self) -> Student | ImageStudent:
        """Return the student to sample, evaluate and export."""
        ...

"""How to write a method.

A method is a file in this folder (or a module of your own) that defines

    build(*, setup: Setup, **options) -> Method

and a file of the same name in `configs/train/` with the values of its recipe. A method in this
folder declares its options as a class of fields, `OPTIONS` (see `pairgen.options`); a module of
your own may name them in the signature of `build` instead.

A method has no loop, no optimizer and no files: the trainer asks it which players step in a
training step, computes what they share once, asks each player for its loss, and steps them. So a
second player (a discriminator, a network that learns the student's score) is one more entry of
`players` and one more branch of `loss`.

A training step does the following, for the players that `turns(step)` returns:

    shared = method.forward(batch, draws)
    for player in turns:                  # with the weights from the start of the step
        loss, figures = method.loss(player, shared, batch, draws)
        (gradients are computed for this player's weights only)
    step every player of the turn
    method.after_step(step)

`tests/training/test_method_contract.py` finds new methods automatically.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.shards.loading.batch import Batch
from pairgen.teachers.base import Conditioning, Denoiser, Teacher
from pairgen.types import Plan

# Name of the player that is exported.
STUDENT = "student"
# Cost of training a network on a sample: one evaluation, and about two for its gradients.
EVALUATIONS_IF_TRAINED = 3


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The inputs of a method.

    Attributes:
        plans: The plans of the datasets to train on.
        teacher: Encodes prompts and decodes latents; its network is not loaded.
        load_teacher: Loads the teacher with its network, frozen, for methods that evaluate it.
        perceptual_net: Takes the location of a perceptual network's weights and a number of
            channels; returns the location, and warns the user if the weights are for another VAE
            than the teacher's. For an empty location, it returns that of the packaged weights.
        new_denoiser: Loads another copy of the teacher's network for training; its argument is
            whether to add a guidance embedding.
        guidance_embedding: Whether the student is conditioned on the guidance scale.
        micro_batch_size: Number of samples per micro-batch.
        files: Mapping from the purpose of a file that was read besides the data to its SHA-256.
        device: Device of all tensors.
    """

    plans: tuple[Plan, ...]
    teacher: Teacher
    load_teacher: Callable[[], Teacher]
    perceptual_net: Callable[[str, int], str]
    new_denoiser: Callable[[bool], Denoiser]
    guidance_embedding: bool
    micro_batch_size: int
    files: Mapping[str, str]
    device: torch.device


@dataclass(frozen=True, kw_only=True)
class Student:
    """The result of a method.

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


class Game(Protocol):
    """The players that the trainer steps, and their losses."""

    def players(self) -> Mapping[str, nn.Module]:
        """Return the networks to train, by name."""
        ...

    def turns(self, step: int) -> Sequence[str]:
        """Return the players that step in training step `step`, counted from 0."""
        ...

    def forward(self, batch: Batch, draws: Draws) -> Any:
        """Compute what the players of this step share, once, with gradients."""
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
        evaluations: Evaluations of networks of the teacher's size, per sample of a training step.
    """

    fields: Sequence[str]
    facts: Sequence[str]
    evaluations: float

    def student(self) -> Student:
        """Return the student to sample, evaluate and export."""
        ...

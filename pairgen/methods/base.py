"""The manual of the method family.

A method is a file here (or a module of your own) that defines

    build(*, setup: Setup, **options) -> Method

and a file of the same name in `configs/train/` with the numbers of its recipe. A method in this
folder declares its options as a class of fields, `OPTIONS` (see `pairgen.options`); a module of
your own may name them in the signature of `build` instead.

A method owns no loop, no optimizer and no file: the trainer asks it which players step in a
training step, runs what they share once, asks each for its loss, and steps them. So a second player
(a discriminator, a network that learns the student's score) is one more entry of `players` and one
more branch of `loss`.

What a training step does, for the players that `turns(step)` names:

    shared = method.forward(batch, draws)
    for player in turns:                  # with the weights of this step's beginning
        loss, figures = method.loss(player, shared, batch, draws)
        (its gradients are taken for this player's weights only)
    step every player of the turn
    method.after_step(step)

`tests/training/test_method_contract.py` finds a new member by itself.
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
# What a network costs that is trained on a sample: one evaluation, and about two for its gradients.
EVALUATIONS_IF_TRAINED = 3


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a method is built from.

    Attributes:
        plans: Of the datasets that it trains on.
        teacher: Prompts to conditioning, latents to pictures; its network is not loaded.
        load_teacher: Loads the teacher with its network, frozen, for methods that ask it.
        perceptual_net: Takes the location of a perceptual network's weights and a number of
            channels; returns it, telling the user where they are for another VAE than the
            teacher's. For an empty one it returns that of the packaged weights.
        new_denoiser: Loads the teacher's network once more, to be trained; told whether it gets a
            path for the guidance scale.
        guidance_embedding: Whether the student is to be told the guidance scale.
        micro_batch_size: Samples that come at a time.
        files: What was read beside the data, by what it is for, to the SHA-256 of it.
        device: Where everything lives.
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
    """What a method leaves.

    Attributes:
        denoiser: The trained network.
        generate: Noise [B, C, H, W], conditioning and guidance scales [B] (None for none) to
            latents [B, C, H, W].
        sampling: Options by which `pairgen sample` runs it.
        num_evaluations: Of the network, for a picture.
    """

    denoiser: Denoiser
    generate: Callable[[Tensor, Conditioning, Tensor | None], Tensor]
    sampling: Mapping[str, Any]
    num_evaluations: int


class Game(Protocol):
    """What the trainer steps: players and their losses."""

    def players(self) -> Mapping[str, nn.Module]:
        """Return the networks that are trained, by name."""
        ...

    def turns(self, step: int) -> Sequence[str]:
        """Return the players that step in training step `step`, counted from 0."""
        ...

    def forward(self, batch: Batch, draws: Draws) -> Any:
        """Return what the players of this step share: computed once, with gradients."""
        ...

    def loss(
        self, player: str, shared: Any, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one player, a scalar, and figures to be logged, scalars.

        The mean over the batch, so that ranks and micro-batches average. What must not reach
        another player's graph is detached here.
        """
        ...

    def after_step(self, step: int) -> None:
        """Do what follows a step, such as moving an averaged copy."""
        ...

    def kept(self) -> Mapping[str, nn.Module]:
        """Return networks that change without being trained and belong into a checkpoint."""
        ...


class Method(Game, Protocol):
    """How a student learns. The player `student` is among its players.

    Attributes:
        fields: Members that it needs of every sample.
        facts: Columns of the index that it needs.
        evaluations: Of networks of the teacher's size, for a sample of a training step.
    """

    fields: Sequence[str]
    facts: Sequence[str]
    evaluations: float

    def student(self) -> Student:
        """Return what is sampled, judged and exported."""
        ...

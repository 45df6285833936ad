"""Reflow: learn the velocity on the straight path from noise to end point of each pair."""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.losses.distances import mse
from pairgen.methods._pairs import (
    LATENT,
    NOISE,
    PAIRS,
    TEXT,
    OneStudent,
    check_pairs,
    conditioning_of,
    stored_embeddings,
)
from pairgen.methods.base import Setup, Student
from pairgen.options import Option, Options
from pairgen.rules import Integer
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.parameterization import FlowSchedule, column
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes


class ReflowOptions(Options):
    """Options of `reflow`."""

    command = "the method reflow"

    student_steps: Annotated[
        int,
        Integer(1, 1000),
        Option("Euler steps of sampling in validation grids and in the exported model."),
    ] = 1


class Reflow(OneStudent):
    """Learn v(x_t, t) = z - x on x_t = (1 - t) x + t z, for pairs (z, x) of the teacher.

    The pairs straighten paths that would cross in the data, so few Euler steps are enough, or one.
    The network's timestep is 1000 t.

    Args:
        setup: Teacher and datasets.
        **options: The options of `ReflowOptions`.

    Raises:
        ConfigError: A dataset holds no pairs.

    Reference:
        Liu et al. 2022, arXiv:2209.03003, Equation 1 and Algorithm 1 (reflow); Liu et al. 2023
        (InstaFlow), arXiv:2309.06380: the same for Stable Diffusion.
    """

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        self.student_steps = ReflowOptions(**options).student_steps
        check_pairs("reflow", setup.plans)
        self._teacher = setup.teacher
        self._embeds_guidance = setup.guidance_embedding
        self._embeddings = stored_embeddings(setup.members)
        self.fields = (NOISE, LATENT, *(self._embeddings or (TEXT,)))
        super().__init__(setup.new_denoiser(setup.guidance_embedding))
        # From here on the network predicts velocities.
        self._denoiser.prediction, self._denoiser.schedule = "flow", FlowSchedule()

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Tensor:
        """Return the velocities at random points of the paths, [B, C, H, W] float32."""
        del players
        z, x = batch[NOISE].float(), batch[LATENT].float()
        t = draws.uniform()
        x_t = (1 - column(t)) * x + column(t) * z
        conditioning = conditioning_of(batch, self._teacher, self._embeddings)
        scales = batch.guidance_scale if self._embeds_guidance else None
        return self._velocity(x_t, t, conditioning, scales)

    def loss(
        self, player: str, shared: Tensor, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean squared error of the velocities."""
        del player, draws
        return mse(shared, batch[NOISE].float() - batch[LATENT].float()), {}

    def student(self) -> Student:
        """Return the student: Euler steps along the path."""
        return Student(
            denoiser=self._denoiser,
            generate=self._generate,
            sampling={
                "steps": self.student_steps,
                "solver": "ddim",
                "spacing": "uniform",
                "end": "clean",
            },
            num_evaluations=self.student_steps,
        )

    def _generate(
        self, noise: Tensor, conditioning: Conditioning, guidance_scale: Tensor | None
    ) -> Tensor:
        x, num = noise.float(), self.student_steps
        for step in range(num):
            t = torch.full((len(x),), 1 - step / num, device=x.device)
            x = x - self._velocity(x, t, conditioning, guidance_scale) / num
        return x

    def _velocity(
        self, x: Tensor, t: Tensor, conditioning: Conditioning, guidance_scale: Tensor | None
    ) -> Tensor:
        times = self._denoiser.schedule.num_train_steps * t
        return self._denoiser(x, times, conditioning, guidance_scale)


OPTIONS = ReflowOptions
NEEDS = PAIRS


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Reflow:
    """Build the method."""
    return Reflow(setup=setup, **options)

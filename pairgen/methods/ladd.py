"""LADD: a few-step student against a discriminator of the teacher's features, in latents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.losses.score_distance import score_distance
from pairgen.methods._few_steps.game import FewStepGame
from pairgen.methods._few_steps.ladd_options import LADDOptions
from pairgen.methods._few_steps.latent_discriminator import LatentDiscriminator
from pairgen.methods._few_steps.latents import LATENTS, Latents
from pairgen.methods._few_steps.pooled import pooled_width
from pairgen.methods._few_steps.student import FewStepStudent
from pairgen.methods._few_steps.teacher_distance import TeacherX0
from pairgen.methods._pairs import TEXT, conditioning_of, stored_embeddings
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, Needs, Setup, need
from pairgen.sampling.conditioning import Conditioning
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes


@dataclass(frozen=True)
class Made:
    """What both players see.

    Attributes:
        real: The latents of the data, [B, C, H, W] float32.
        made: The student's latents, [B, C, H, W] float32, with gradients if it plays.
        conditioning: The conditioning of the prompts, B rows.
    """

    real: Tensor
    made: Tensor
    conditioning: Conditioning


class LADD(FewStepGame):
    """Learn x0 at a few times, against a discriminator that reads the frozen teacher.

    The discriminator adds noise to the latents of the data and to the student's, and judges what
    the teacher's blocks make of them, level and prompt given. It never sees noise and latent of a
    pair together, so it needs no pairs: end points of a teacher, or encoded images.

    Args:
        setup: Teacher and datasets.
        **options: The options of `LADDOptions`.

    Raises:
        ConfigError: An option is not allowed, or the teacher has no UNet.

    Reference:
        Sauer et al. 2024 (LADD), arXiv:2403.12015. It has no public code; its recipe says what is
        ours.
    """

    options: LADDOptions
    _discriminator: LatentDiscriminator

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        self.options = chosen = LADDOptions(**options)
        self._student = FewStepStudent(setup, chosen)
        self._teacher, self._embeds_guidance = setup.teacher, setup.guidance_embedding
        self._embeddings = stored_embeddings(setup.members)
        self._latents = Latents(setup)
        self.fields = (*self._latents.fields, *(self._embeddings or (TEXT,)))
        self._frozen = setup.new_denoiser()
        self._frozen.network.requires_grad_(False)
        self._x0_of_teacher = TeacherX0(self._frozen, chosen, setup.teacher)
        self._discriminator = LatentDiscriminator(
            self._frozen, chosen, text_width=pooled_width(setup), device=setup.device
        )

    @property
    def evaluations(self) -> float:
        """Evaluations of networks of the teacher's size, per sample and step."""
        chosen, judging = self.options, self._discriminator.evaluations
        made = 1 + self._student.simulated_evaluations
        # The student; the teacher for it, with gradients that pass through.
        both = made - 1 + EVALUATIONS_IF_TRAINED + 2 + judging + self._x0_of_teacher.evaluations
        return both + (chosen.discriminator_updates - 1) * (made + judging)

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Made:
        """Make latents from noised ones, with gradients if the student plays."""
        student, chosen = self._student, self.options
        conditioning = conditioning_of(batch, self._teacher, self._embeddings)
        real = self._latents.of(batch, draws)
        scales = batch.guidance_scale if self._embeds_guidance else None
        t = self._times(draws)
        eps = draws.normal(tuple(real.shape[1:]))
        if chosen.backward_simulation:
            x = student.simulated_state(eps, t, conditioning, scales)
        else:
            x = student.state(real, eps, t)
        with torch.set_grad_enabled(STUDENT in players):
            made = student.x0(x, t, conditioning, scales)
        return Made(real, made, conditioning)

    def loss(
        self, player: str, shared: Made, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the student or of the discriminator."""
        del batch
        if player == STUDENT:
            return self._student_loss(shared, draws)
        given = (shared.real, shared.made.detach(), shared.conditioning, draws)
        return self._discriminator.loss(*given)

    def _times(self, draws: Draws) -> Tensor:
        chosen = self.options
        begins = draws.step < chosen.first_steps
        weights = chosen.first_time_weights if begins else chosen.time_weights
        return self._student.draw_times(draws, weights)

    def _student_loss(self, made: Made, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        chosen = self.options
        figures = {"gan": self._discriminator.student_loss(made.made, made.conditioning, draws)}
        loss = figures["gan"]
        if chosen.distill_weight:
            figures["distill"] = self._distillation(made, draws)
            loss = loss + chosen.distill_weight * figures["distill"]
        figures["latent_std"] = made.made.std()
        return loss, {name: each.detach() for name, each in figures.items()}

    def _distillation(self, made: Made, draws: Draws) -> Tensor:
        """Return the distance of the student's latents to the teacher's x0, a scalar."""
        x0 = made.made.float()
        return score_distance(x0, *self._x0_of_teacher.of(x0, made.conditioning, draws))


OPTIONS = LADDOptions
NEEDS = Needs(members=(LATENTS, need("txt_emb.npy", TEXT, note="the prompt")), encodes=True)


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> LADD:
    """Build the method."""
    return LADD(setup=setup, **options)

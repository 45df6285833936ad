"""CoDi and PE-CoDi: a conditional model that learns to see and to take few steps at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.image_recipe import CONDITIONAL, NOISE, RESTORATION, ImageRecipe
from pairgen.losses.conditional_distillation import (
    Predicted,
    consistency_loss,
    next_state,
    target_loss,
)
from pairgen.losses.scale_distillation import noised
from pairgen.methods._codi.averaged import AveragedDenoiser
from pairgen.methods._codi.conditions import Conditions
from pairgen.methods._codi.grid import draw_times, learning_grid
from pairgen.methods._codi.guided import said_of, without_some_prompts
from pairgen.methods._codi.network import network_of, teacher_of
from pairgen.methods._codi.options import (
    ALL,
    INPAINTING,
    MEMBERS,
    SUPER_RESOLUTION,
    CoDiOptions,
)
from pairgen.methods._images.encoded import HR_MOMENTS, EncodedPairs
from pairgen.methods._images.pairs import Prompts, hr_member, prompt_needs
from pairgen.methods._pairs import OneStudent
from pairgen.methods._prediction import Predicting
from pairgen.methods.base import (
    EVALUATIONS_IF_TRAINED,
    STUDENT,
    ImageStudent,
    Needs,
    Setup,
    need,
)
from pairgen.sampling.conditioning import Conditioning
from pairgen.shards.format.image_member import PICTURES
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes
from pairgen.teachers.base import Denoiser


@dataclass(frozen=True)
class Learned:
    """What a step compares.

    Attributes:
        prompted: What the student says of z_t, by the prompt alone.
        now: The same with guidance; `prompted` itself without.
        later: What the averaged student says of zhat_s; None if no row has a time after its own.
        counted: Whether a row has one, [B] bool.
        x: Latents of the images, [B, C, H, W].
        alpha: alpha at the times, [B].
        sigma: sigma at the times, [B].
    """

    prompted: Predicted
    now: Predicted
    later: Predicted | None
    counted: Tensor
    x: Tensor
    alpha: Tensor
    sigma: Tensor


class CoDi(OneStudent):
    """Learn to see a condition and to sample in few steps, in one stage.

    Args:
        setup: Teacher and datasets.
        **options: The options of `CoDiOptions`.

    Raises:
        ConfigError: An option is not allowed, or a run has no branch that fits.

    Reference:
        Mei et al. 2023 (CoDi), arXiv:2310.01407, see `pairgen.losses.conditional_distillation`.
        Learning steps, weights, and what is trained with which learning rate are ours.
    """

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        self.options = chosen = CoDiOptions(**options)
        self._hr = hr_member(setup.plans)
        self._conditions = Conditions(chosen, self._hr)
        channels = self._conditions.channels
        super().__init__(network_of(setup, chosen, channels))
        self._grid = learning_grid(self._denoiser.schedule, chosen.learning_steps)
        self._averaged: AveragedDenoiser | None = None
        self._teacher: Denoiser | None = None
        if chosen.teacher:
            self._teacher = teacher_of(setup, chosen, channels)
        self.evaluations = self._evaluations()
        self._prompts = Prompts(setup.teacher, chosen)
        reads_null = chosen.guidance != 1 or chosen.drop_prompts > 0
        # Nothing else needs it, and it would load the text encoders.
        self._negative = setup.teacher.negative if reads_null else Conditioning({})
        self._autoencoder = setup.new_autoencoder()
        self._latents = EncodedPairs(
            setup,
            self._autoencoder,
            hr=self._hr,
            posterior=chosen.posterior,
            scales=(),
            reads_hr=True,
        )
        texts = [chosen.text] if chosen.text else []
        self.fields = tuple(
            dict.fromkeys([*self._latents.fields, *self._conditions.fields, *texts])
        )

    def players(self) -> Mapping[str, nn.Module]:
        """Return the student: network and branch, or the branch alone."""
        if self.options.trains == ALL:
            return super().players()
        return {STUDENT: self._denoiser.branch}

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Learned:
        """Return what student and averaged student say of z_t and of the state after it."""
        del players
        chosen, schedule = self.options, self._denoiser.schedule
        x = self._latents.hr(batch, draws)
        conditioning = self._prompts.of(batch)
        if chosen.drop_prompts:
            dropped = draws.uniform() < chosen.drop_prompts
            conditioning = without_some_prompts(conditioning, self._negative, dropped)
        conditioning = conditioning.with_condition(self._conditions.of(batch))
        t, s, counted = draw_times(self._grid, len(batch), draws, chosen.same_time)
        alpha, sigma = schedule.alpha_sigma(t)
        is_noise = (t == schedule.first_time) & chosen.pure_noise
        eps = draws.normal(tuple(x.shape[1:]))
        z_t = noised(x, eps, alpha.float(), sigma.float(), is_noise)
        prompted, now = self._said(self._denoiser, z_t, t, conditioning)
        later = None
        # With times of their own, some row of another rank may count: all ranks have the figure.
        if chosen.consistency_weight and (not chosen.same_time or bool(counted.any())):
            later = self._said_later(now, z_t, t, s, counted, conditioning)
        return Learned(prompted, now, later, counted, x, alpha, sigma)

    def loss(
        self, player: str, shared: Learned, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the two terms; each is a figure."""
        del player, batch, draws
        chosen = self.options
        target = target_loss(
            shared.prompted.x0, shared.x, chosen.target_space, shared.alpha, shared.sigma
        )
        loss, figures = chosen.target_weight * target, {"target": target}
        if shared.later is not None:
            consistency = consistency_loss(
                shared.now, shared.later, chosen.consistency_space, shared.counted
            )
            loss = loss + chosen.consistency_weight * consistency
            figures["consistency"] = consistency
        return loss.float(), figures

    def after_step(self, step: int) -> None:
        """Move the averaged weights."""
        del step
        if self.options.consistency_weight:
            self._average().update()

    def kept(self) -> Mapping[str, nn.Module]:
        """Return the averaged weights, if the consistency needs them."""
        return {"target": self._average()} if self.options.consistency_weight else {}

    def student(self) -> ImageStudent:
        """Return the student, in four steps from pure noise."""
        chosen = self.options
        restores = chosen.task == SUPER_RESOLUTION
        return ImageStudent(
            denoiser=self._denoiser,
            autoencoder=self._autoencoder,
            recipe=ImageRecipe(
                kind=RESTORATION if restores else CONDITIONAL,
                source=self._hr if chosen.task == INPAINTING else chosen.condition,
                target=self._hr,
                scale=chosen.factor,
                start=NOISE,
                branch=True,
                mask=chosen.condition if chosen.task == INPAINTING else "",
                prompts=chosen.text,
                prompt=chosen.prompt,
            ),
            sampling={
                "steps": 4,
                "solver": "ddim",
                "spacing": "trailing",
                "end": "clean",
                "cfg": chosen.guidance,
            },
            num_evaluations=4 * (1 + (chosen.guidance != 1)),
        )

    def _said(
        self, denoiser: Predicting, z_t: Tensor, t: Tensor, given: Conditioning
    ) -> tuple[Predicted, Predicted]:
        """Return what a network says of a state, by the prompt alone and with guidance."""
        return said_of(denoiser, z_t, t, given, self._negative, self.options.guidance)

    @torch.no_grad()
    def _said_later(
        self,
        now: Predicted,
        z_t: Tensor,
        t: Tensor,
        s: Tensor,
        counted: Tensor,
        given: Conditioning,
    ) -> Predicted:
        """Return what the averaged network says of the state after a DDIM step."""
        if self._teacher is not None:
            _, now = self._said(self._teacher, z_t, t, given)
        # Rows without a time after theirs are computed at their own, and not counted.
        s = torch.where(counted, s, t)
        alpha_s, sigma_s = self._denoiser.schedule.alpha_sigma(s)
        zhat_s = next_state(now, alpha_s, sigma_s).float()
        return self._said(self._average(), zhat_s, s, given)[1]

    def _average(self) -> AveragedDenoiser:
        # Not before the trainer has added adapters.
        if self._averaged is None:
            self._averaged = AveragedDenoiser(self._denoiser, self.options.target_decay)
        return self._averaged

    def _evaluations(self) -> float:
        chosen = self.options
        both = 1 + (chosen.guidance != 1)
        later = both * bool(chosen.consistency_weight) * (1 + bool(chosen.teacher))
        return EVALUATIONS_IF_TRAINED * both + later


def _given_note(options: CoDiOptions) -> str:
    others = ", ".join(f"{task} {member}" for task, member in MEMBERS.items() if member)
    return f"what task={options.task} is given; others: {others}"


def needs(options: CoDiOptions) -> Needs:
    """Return what is needed of the datasets."""
    condition, picture = options.condition, "the image to make"
    return Needs(
        members=(
            need(HR_MOMENTS, *PICTURES, note=f"{picture}; moments save its encoding"),
            need(*PICTURES, note=f"{picture}, for the grids"),
            need(condition, note=_given_note(options)),
            *prompt_needs(options),
        ),
        scales={condition: options.factor},
        encodes=True,
    )


OPTIONS, NEEDS = CoDiOptions, needs


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> CoDi:
    """Build the method."""
    return CoDi(setup=setup, **options)

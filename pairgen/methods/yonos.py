"""YONOS-SR: super-resolution in one step, by a teacher that is given an image of twice the size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.scale_distillation import noised, omega, scale_distillation_loss
from pairgen.methods._images.encoded import (
    HR_MOMENTS,
    EncodedPairs,
    lr_moments,
)
from pairgen.methods._images.nested_levels import check_nested
from pairgen.methods._images.pairs import Prompts, check_sizes, hr_member, lr_member, prompt_needs
from pairgen.methods._pairs import OneStudent
from pairgen.methods._prediction import x0_eps_of
from pairgen.methods._yonos.options import OUTPUTS, YONOSOptions
from pairgen.methods._yonos.stage import check_stage, network_of, restorer
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, ImageStudent, Needs, Setup, need
from pairgen.sampling.parameterization import Schedule
from pairgen.shards.format.image_member import PICTURES
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes
from pairgen.teachers.base import Denoiser

FLOW = "flow"


@dataclass(frozen=True)
class Restored:
    """What a step compares.

    Attributes:
        x0: The student's x0 at z_t, [B, C, H, W].
        x0_teacher: The teacher's x0 at the same z_t, [B, C, H, W]; None without a teacher.
        z_h: Latents of HR, [B, C, H, W].
        weight: omega(lambda), [B].
    """

    x0: Tensor
    x0_teacher: Tensor | None
    z_h: Tensor
    weight: Tensor


class YONOS(OneStudent):
    """Learn to restore 1/N: from HR, or from a frozen teacher that is given 2/N.

    Student and teacher take the latent of the enlarged LR beside the state, and see the same state
    at the same time. Without a teacher this is an ordinary conditional diffusion model.

    Args:
        setup: Teacher and datasets.
        **options: The options of `YONOSOptions`.

    Raises:
        ConfigError: An option is not allowed, a run is no stage that fits this one, or the levels
            are not nested.

    Reference:
        Noroozi et al. 2024 (YONOS-SR), arXiv:2401.17258. It has no public code, and publishes none
        of the numbers: those of the recipe are ours.
    """

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        self.options = chosen = YONOSOptions(**options)
        self.target = hr_member(setup.plans)
        self._teacher: Denoiser | None = None
        if chosen.teacher:
            check_nested(setup.plans_with(lr_member(chosen.scale)))
            check_stage("teacher", chosen.teacher, chosen, chosen.scale // 2)
            self._teacher = setup.load_run(chosen.teacher, chosen.teacher_weights)
            self.evaluations = EVALUATIONS_IF_TRAINED + 1
        super().__init__(network_of(setup, chosen.start_from or chosen.teacher))
        self._set_output()
        self._prompts = Prompts(setup.teacher, chosen)
        self._autoencoder = setup.new_autoencoder()
        scales = (chosen.scale, chosen.scale // 2) if chosen.teacher else (chosen.scale,)
        self._latents = EncodedPairs(
            setup,
            self._autoencoder,
            hr=self.target,
            posterior=chosen.posterior,
            scales=scales,
            reads_hr=True,
        )
        self.fields = (*self._latents.fields, *([chosen.text] if chosen.text else []))

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Restored:
        """Return x0 of student and teacher at the same state, from 1/N and 2/N."""
        del players
        chosen, schedule = self.options, self._denoiser.schedule
        z_h = self._latents.hr(batch, draws)
        z_l = self._latents.lr(batch, chosen.scale, draws)
        check_sizes(z_l, z_h, chosen.scale)
        conditioning = self._prompts.of(batch)
        t = self._times(schedule, draws)
        alpha, sigma = schedule.alpha_sigma(t)
        eps = draws.normal(tuple(z_h.shape[1:]))
        is_noise = (t == schedule.first_time) & chosen.pure_noise
        z_t = noised(z_h, eps, alpha.float(), sigma.float(), is_noise)
        x0_teacher = None
        if self._teacher is not None:
            with torch.no_grad():
                larger = self._latents.lr(batch, chosen.scale // 2, draws)
                check_sizes(larger, z_h, chosen.scale // 2)
                given = conditioning.with_image(larger)
                x0_teacher = x0_eps_of(self._teacher, z_t, t, given)[0].float()
        x0 = x0_eps_of(self._denoiser, z_t, t, conditioning.with_image(z_l))[0].float()
        return Restored(x0, x0_teacher, z_h, omega(chosen.omega, alpha, sigma).float())

    def loss(
        self, player: str, shared: Restored, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of scale distillation."""
        del player, batch, draws
        given = (shared.x0, shared.x0_teacher, shared.z_h, shared.weight)
        return scale_distillation_loss(*given, self.options.truth_share), {}

    def student(self) -> ImageStudent:
        """Return the student: one step from pure noise, given LR."""
        return restorer(self.options, self.target, self._denoiser, self._autoencoder)

    def _set_output(self) -> None:
        """Let the network predict what the options say.

        Raises:
            ConfigError: It is a flow, which predicts nothing else.
        """
        if not self.options.output:
            return
        if self._denoiser.prediction == FLOW:
            raise ConfigError(
                f"output must be left out for a model that predicts a flow, got "
                f"{self.options.output}."
            )
        self._denoiser.prediction = OUTPUTS[self.options.output]

    def _times(self, schedule: Schedule, draws: Draws) -> Tensor:
        """Draw the times of a batch, [B] float64."""
        # A flow has no noise at time 0, and an infinite SNR.
        _, sigma = schedule.alpha_sigma(torch.tensor(schedule.last_time))
        low = 0 if float(sigma) else 1
        t = draws.integers(low, int(schedule.first_time) + 1).double()
        starts = draws.uniform() < self.options.start_share
        return torch.where(starts, schedule.first_time, t)


def needs(options: YONOSOptions) -> Needs:
    """Return what a stage needs of its datasets."""
    scales = (options.scale, options.scale // 2) if options.teacher else (options.scale,)
    encoded = "the VAE encodes pictures in every step; moments save that"
    return Needs(
        members=(
            need(HR_MOMENTS, *PICTURES, note=f"HR; {encoded}"),
            need(*PICTURES, note="HR, for the grids"),
            *(need(lr_moments(each), lr_member(each), note="LR") for each in scales),
            *prompt_needs(options),
        ),
        scales={lr_member(each): each for each in scales},
        encodes=True,
    )


OPTIONS, NEEDS = YONOSOptions, needs


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> YONOS:
    """Build the method."""
    return YONOS(setup=setup, **options)

"""LADD: a few-step student against a discriminator of the teacher's features, in latents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.score_distance import score_distance, score_weight
from pairgen.methods._ladd_options import LADDOptions
from pairgen.methods._latent_discriminator import LatentDiscriminator, pooled
from pairgen.methods._latents import LATENTS, Latents
from pairgen.methods._pairs import TEXT, conditioning_of, stored_embeddings
from pairgen.methods._prediction import x0_eps_of
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, Needs, Setup, Student, need
from pairgen.sampling.grid import make_grid
from pairgen.sampling.parameterization import column
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes
from pairgen.teachers._pretrained.predict import predict_guided
from pairgen.teachers.base import Conditioning

DISCRIMINATOR = "discriminator"
SOLVER, SPACING, END = "ddim", "trailing", "clean"


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


class LADD:
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

    facts: Sequence[str] = ()

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        self.options = chosen = LADDOptions(**options)
        self._denoiser = setup.new_denoiser(setup.guidance_embedding)
        first = self._denoiser.schedule.first_time
        if chosen.times[0] > first:
            raise ConfigError(
                f"times must be at most the network's first time, {first:g}, got "
                f"{chosen.times[0]:g}."
            )
        self._teacher, self._embeds_guidance = setup.teacher, setup.guidance_embedding
        self._embeddings = stored_embeddings(setup.members)
        self._latents = Latents(setup)
        self.fields = (*self._latents.fields, *(self._embeddings or (TEXT,)))
        self._frozen = setup.new_denoiser()
        self._frozen.network.requires_grad_(False)
        # Encoded for no guidance too: the shape of a pooled text comes from it.
        self._negative = setup.teacher.encode_prompts([""])
        self._discriminator = LatentDiscriminator(
            self._frozen, chosen, text_width=pooled(self._negative).shape[1], device=setup.device
        )

    @property
    def evaluations(self) -> float:
        """Evaluations of networks of the teacher's size, per sample and step."""
        chosen = self.options
        judging = self._discriminator.evaluations
        # The student; the teacher for it, with gradients that pass through.
        both = EVALUATIONS_IF_TRAINED + 2 + judging
        if chosen.distill_weight:
            both += 1 + (chosen.guidance != 1)
        return both + (chosen.discriminator_updates - 1) * (1 + judging)

    def players(self) -> Mapping[str, nn.Module]:
        """Return the heads, and the student, whose graph is larger."""
        return {DISCRIMINATOR: self._discriminator.heads, STUDENT: self._denoiser}  # type: ignore[dict-item]

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        """Return rounds of the discriminator alone, then one of both."""
        del step
        alone = ((DISCRIMINATOR,),) * (self.options.discriminator_updates - 1)
        return (*alone, (DISCRIMINATOR, STUDENT))

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Made:
        """Make latents from noised ones, with gradients if the student plays."""
        conditioning = conditioning_of(batch, self._teacher, self._embeddings)
        real = self._latents.of(batch, draws)
        scales = batch.guidance_scale if self._embeds_guidance else None
        t = self._times(draws)
        eps = draws.normal(tuple(real.shape[1:]))
        alpha, sigma = (column(each.float()) for each in self._denoiser.schedule.alpha_sigma(t))
        x = alpha * real + sigma * eps
        # There it starts when it samples.
        x = torch.where(column(t == self.options.times[0]), eps, x)
        with torch.set_grad_enabled(STUDENT in players):
            made = x0_eps_of(self._denoiser, x, t, conditioning, scales)[0].float()
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

    def after_step(self, step: int) -> None:
        """Do nothing."""
        del step

    def kept(self) -> Mapping[str, nn.Module]:
        """Return nothing."""
        return {}

    def student(self) -> Student:
        """Return the student: a few steps from noise."""
        num = self.options.student_steps
        return Student(
            denoiser=self._denoiser,
            generate=self._generate,
            sampling={"steps": num, "solver": SOLVER, "spacing": SPACING, "end": END},
            num_evaluations=num,
        )

    def _times(self, draws: Draws) -> Tensor:
        """Draw a time for each sample, [B] float64."""
        chosen = self.options
        first = draws.step < chosen.first_steps
        weights = chosen.first_time_weights if first else chosen.time_weights
        drawn = draws.uniform().double()
        upper = torch.tensor(weights, dtype=torch.float64, device=drawn.device).cumsum(0)
        place = torch.searchsorted(upper / upper[-1], drawn, right=True)
        times = torch.tensor(chosen.times, dtype=torch.float64, device=drawn.device)
        return times[place.clamp(max=len(times) - 1)]

    def _student_loss(self, made: Made, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        chosen = self.options
        figures = {"gan": self._discriminator.student_loss(made.made, made.conditioning, draws)}
        loss = figures["gan"]
        if chosen.distill_weight:
            figures["distill"] = self._distillation(made, draws)
            loss = loss + chosen.distill_weight * figures["distill"]
        return loss, {name: each.detach() for name, each in figures.items()}

    def _distillation(self, made: Made, draws: Draws) -> Tensor:
        """Return the distance of the student's latents to the teacher's x0, a scalar."""
        chosen, frozen = self.options, self._frozen
        x0 = made.made.float()
        schedule = frozen.schedule
        t = draws.integers(1, int(schedule.first_time) + 1).double()
        alpha, sigma = schedule.alpha_sigma(t)
        eps = draws.normal(tuple(x0.shape[1:]))
        x = column(alpha.float()) * x0.detach() + column(sigma.float()) * eps
        scale = None if chosen.guidance == 1 else torch.full_like(t, chosen.guidance).float()
        given = (frozen, schedule, frozen.prediction, self._negative)
        x0_teacher, _ = predict_guided(*given, x, t, made.conditioning, scale)
        weight = score_weight(chosen.distill_weighting, alpha, sigma).float()
        return score_distance(x0, x0_teacher, weight)

    def _generate(
        self, noise: Tensor, conditioning: Conditioning, guidance_scale: Tensor | None
    ) -> Tensor:
        grid = make_grid(self._denoiser.schedule, SPACING, self.options.student_steps, END)
        made, _ = sample(
            lambda x, t: x0_eps_of(self._denoiser, x, t, conditioning, guidance_scale),
            noise.float(),
            grid,
            SOLVERS[SOLVER],
        )
        return made.float()


OPTIONS = LADDOptions
NEEDS = Needs(members=(LATENTS, need("txt_emb.npy", TEXT, note="the prompt")))


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> LADD:
    """Build the method."""
    return LADD(setup=setup, **options)

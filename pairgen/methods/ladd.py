"""LADD: a few-step student against a discriminator of the teacher's features, in latents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.adversarial import (
    Logits,
    discriminator_loss,
    gradient_penalty,
    student_loss,
)
from pairgen.losses.score_distance import score_distance, score_weight
from pairgen.methods._ladd_options import FEATURES, OFF, LADDOptions
from pairgen.methods._latents import Latents, latent_needs
from pairgen.methods._pairs import TEXT, conditioning_of, stored_embeddings
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, Needs, Setup, Student, need
from pairgen.networks.denoiser_features import DenoiserFeatures
from pairgen.networks.feature_heads import FeatureHeads
from pairgen.sampling.grid import make_grid
from pairgen.sampling.parameterization import column, to_x0_eps
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes
from pairgen.teachers._pretrained.predict import predict_guided
from pairgen.teachers.base import Conditioning, Denoiser

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


@dataclass(frozen=True)
class Noised:
    """Latents as the teacher sees them.

    Attributes:
        features: The teacher's feature maps.
        level: log(alpha / sigma), [B].
    """

    features: list[Tensor]
    level: Tensor


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
        Sauer et al. 2024 (LADD), arXiv:2403.12015. It has no public code; `LADDOptions` says what
        is ours.
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
        self._features = DenoiserFeatures(self._frozen)
        # Encoded for no guidance too: the shape of a pooled text comes from it.
        self._negative = setup.teacher.encode_prompts([""])
        text_width = _pooled(self._negative).shape[1]
        heads = FeatureHeads(self._features.widths, text_width, chosen.head_width)
        self._heads = heads.to(setup.device)

    @property
    def evaluations(self) -> float:
        """Evaluations of networks of the teacher's size, per sample and step."""
        chosen = self.options
        # The student; the teacher for it, with gradients that pass through, and for two in D.
        both = EVALUATIONS_IF_TRAINED + 2 + 2
        if chosen.distill_weight:
            both += 1 + (chosen.guidance != 1)
        return both + (chosen.discriminator_updates - 1) * (1 + 2)

    def players(self) -> Mapping[str, nn.Module]:
        """Return the heads, and the student, whose graph is larger."""
        return {DISCRIMINATOR: self._heads, STUDENT: self._denoiser}  # type: ignore[dict-item]

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
            made = self._x0(x, t, conditioning, scales)
        return Made(real, made, conditioning)

    def loss(
        self, player: str, shared: Made, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the student or of the discriminator."""
        del batch
        if player == STUDENT:
            return self._student_loss(shared, draws)
        return self._discriminator_loss(shared, draws)

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

    def _noised(
        self, latents: Tensor, conditioning: Conditioning, level: Tensor, eps: Tensor
    ) -> Noised:
        """Return latents as the teacher sees them at levels log(alpha / sigma), [B]."""
        schedule = self._frozen.schedule
        t = schedule.time_of(level)
        alpha, sigma = (column(each.float()) for each in schedule.alpha_sigma(t))
        return Noised(self._features(alpha * latents + sigma * eps, t, conditioning), level)

    def _level(self, draws: Draws) -> Tensor:
        """Draw log(alpha / sigma) of each sample, [B] float64: -u, u ~ N(mean, std^2)."""
        normal = draws.normal(()).double()
        return -(self.options.level_mean + self.options.level_std * normal)

    def _judge(self, noised: Noised, conditioning: Conditioning) -> Logits:
        with torch.autocast(noised.level.device.type, enabled=False):
            found: Logits = self._heads(noised.features, noised.level, _pooled(conditioning))
        return found

    def _student_loss(self, made: Made, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        chosen, shape = self.options, tuple(made.made.shape[1:])
        noised = self._noised(made.made, made.conditioning, self._level(draws), draws.normal(shape))
        figures = {"gan": student_loss(chosen.game, self._judge(noised, made.conditioning)).mean()}
        loss = figures["gan"]
        if chosen.distill_weight:
            figures["distill"] = self._distillation(made, draws)
            loss = loss + chosen.distill_weight * figures["distill"]
        return loss, {name: each.detach() for name, each in figures.items()}

    def _discriminator_loss(self, made: Made, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        chosen, shape = self.options, tuple(made.real.shape[1:])
        fake = made.made.detach()
        level, eps = self._level(draws), draws.normal(shape)
        fake_level, fake_eps = level, eps
        if not chosen.same_noise:
            fake_level, fake_eps = self._level(draws), draws.normal(shape)
        with torch.no_grad():
            real = self._noised(made.real, made.conditioning, level, eps)
            fakes = self._noised(fake, made.conditioning, fake_level, fake_eps)
        if chosen.r1 == FEATURES:
            for each in real.features:
                each.requires_grad_(True)
        logits = self._judge(real, made.conditioning)
        judged = self._judge(fakes, made.conditioning)
        on_real, on_made = discriminator_loss(chosen.game, logits, judged)
        figures = {"real": on_real.mean(), "made": on_made.mean(), **_told(logits, judged)}
        loss = figures["real"] + figures["made"]
        if chosen.r1 != OFF:
            figures["r1"] = self._penalty(made, real, logits, eps, draws).mean()
            loss = loss + chosen.r1_gamma * figures["r1"]
        return loss, {name: each.detach() for name, each in figures.items()}

    def _penalty(
        self, made: Made, real: Noised, logits: Logits, eps: Tensor, draws: Draws
    ) -> Tensor:
        """Return the penalty of the discriminator on real latents, [B]."""
        if self.options.r1 == FEATURES:
            found = [
                gradient_penalty([it], each) for it, each in zip(logits, real.features, strict=True)
            ]
            return torch.stack(found).mean(0)
        # At the same level and with the same noise: only the latents differ.
        little = self.options.r1_alpha * draws.normal(tuple(eps.shape[1:]))
        with torch.no_grad():
            near = self._noised(made.real + little, made.conditioning, real.level, eps)
        others = self._judge(near, made.conditioning)
        pairs = zip(logits, others, strict=True)
        return torch.stack([(a - b).square().flatten(1).mean(1) for a, b in pairs]).mean(0)

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

    def _x0(
        self, x: Tensor, t: Tensor, conditioning: Conditioning, scales: Tensor | None
    ) -> Tensor:
        return _x0_eps(self._denoiser, x, t, conditioning, scales)[0].float()

    def _generate(
        self, noise: Tensor, conditioning: Conditioning, guidance_scale: Tensor | None
    ) -> Tensor:
        grid = make_grid(self._denoiser.schedule, SPACING, self.options.student_steps, END)
        made, _ = sample(
            lambda x, t: _x0_eps(self._denoiser, x, t, conditioning, guidance_scale),
            noise.float(),
            grid,
            SOLVERS[SOLVER],
        )
        return made.float()


def _x0_eps(
    denoiser: Denoiser, x: Tensor, t: Tensor, conditioning: Conditioning, scales: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return x0 and eps by a network."""
    output = denoiser(x, t, conditioning, scales)
    alpha, sigma = (column(each) for each in denoiser.schedule.alpha_sigma(t))
    # In float64, because 1 / alpha is 15 at Stable Diffusion's first time.
    return to_x0_eps(denoiser.prediction, output.double(), x.double(), alpha, sigma)


def _pooled(conditioning: Conditioning) -> Tensor:
    """Return one vector for each prompt, [B, D]: the model's own, else the mean over its tokens."""
    tensors = conditioning.tensors
    if "pooled_emb" in tensors:
        return tensors["pooled_emb"].float()
    return tensors["txt_emb"].float().mean(1)


def _told(real: Logits, made: Logits) -> dict[str, Tensor]:
    """Return the gap between the logits of real and made, and how often their signs are right."""
    on_real, on_made = (
        torch.stack([each.mean((1, 2, 3)) for each in it]).mean(0) for it in (real, made)
    )
    right = torch.cat([on_real > 0, on_made < 0]).float().mean()
    return {"gap": (on_real - on_made).mean(), "right": right}


def needs(options: LADDOptions) -> Needs:
    """Return what is needed of the datasets."""
    del options
    return Needs(members=(latent_needs(), need("txt_emb.npy", TEXT, note="the prompt")))


OPTIONS, NEEDS = LADDOptions, needs


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> LADD:
    """Build the method."""
    return LADD(setup=setup, **options)

"""Diffusion2GAN: map noise to the teacher's end point in one step, with a discriminator.

Reference:
    Kang et al. 2024, arXiv:2405.05967.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import model_validator
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.adversarial import gradient_penalty, loss_if_made, loss_if_real
from pairgen.losses.distances import mse
from pairgen.methods._pair_distance import DistanceOptions, make_distance
from pairgen.methods._pairs import (
    LATENT,
    NOISE,
    PAIRS,
    check_pairs,
    conditioning_of,
    stored_embeddings,
)
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, Setup, Student
from pairgen.methods.regression import Regression
from pairgen.networks.unet_discriminator import UnetDiscriminator
from pairgen.option_names import option_text
from pairgen.options import Option
from pairgen.rules import Integer, Number, Switch
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.parameterization import column
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes

DISCRIMINATOR = "discriminator"
# Trained on a real and a generated latent; the student's gradients pass it forward and backward.
EVALUATIONS_OF_DISCRIMINATOR = 2 * EVALUATIONS_IF_TRAINED + 2
MAX_WEIGHT = 1e6


@dataclass(frozen=True)
class Made:
    """The inputs that both players share.

    Attributes:
        latents: The student's latents, [B, C, H, W] float32, with gradients.
        conditioning: The conditioning of the prompts, B rows.
    """

    latents: Tensor
    conditioning: Conditioning


class Diffusion2GANOptions(DistanceOptions):
    """Options of `diffusion2gan`."""

    command = "the method diffusion2gan"

    distance_weight: Annotated[
        float, Number(0.0, MAX_WEIGHT), Option("Weight of the distance.")
    ] = 1.0
    l1_weight: Annotated[
        float,
        Number(0.0, MAX_WEIGHT),
        Option("Weight of the L1 distance to the end point, which is added to the distance."),
    ] = 1.0
    gan_weight: Annotated[
        float,
        Number(0.0, MAX_WEIGHT),
        Option("Weight of the adversarial loss (lambda_GAN); 0 for no discriminator."),
    ] = 0.1
    noise_condition: Annotated[
        bool, Switch(), Option("Condition the discriminator on the noise of the pair.")
    ] = True
    multi_scale: Annotated[
        bool,
        Switch(),
        Option(
            "Let the discriminator read the latent and give logits at every scale; otherwise only "
            "at the last."
        ),
    ] = True
    r1_gamma: Annotated[
        float,
        Number(0.0, MAX_WEIGHT),
        Option("Weight of the R1 gradient penalty (gamma); 0 for none."),
    ] = 1e-6
    r1_every: Annotated[
        int,
        Integer(1),
        Option("Steps between R1 penalties; each penalty is multiplied by this number."),
    ] = 16
    mix_share: Annotated[
        float,
        Number(0.0, 1.0),
        Option(
            "Share of the discriminator's generated latents to replace by end points of other "
            "samples, so that it learns to reject a latent that does not match noise and prompt."
        ),
    ] = 0.25

    @model_validator(mode="after")
    def _check_weights(self) -> "Diffusion2GANOptions":
        if not (self.distance_weight or self.l1_weight or self.gan_weight):
            raise ConfigError(
                "One of distance_weight, l1_weight and gan_weight must be above 0, got 0 for all."
            )
        return self


class Diffusion2GAN:
    """Learn G(z, c) by its distance to the end point x, and against D(c, z, x).

    Args:
        setup: Teacher and datasets.
        **options: The options of `Diffusion2GANOptions`.

    Raises:
        ConfigError: A dataset holds no pairs, the datasets start at different times, or an option
            is not allowed.
    """

    facts: Sequence[str] = ()

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        checked = Diffusion2GANOptions(**options)
        check_pairs("diffusion2gan", setup.plans)
        generator = Regression(setup=setup, distance="mse")
        self._student = generator.student()
        self._players: dict[str, nn.Module] = dict(generator.players())
        self.fields = generator.fields
        self._teacher, self._embeds_guidance = setup.teacher, setup.guidance_embedding
        self._embeddings = stored_embeddings(setup.members)
        self.distance_weight, self.l1_weight = checked.distance_weight, checked.l1_weight
        self.gan_weight, self.mix_share = checked.gan_weight, checked.mix_share
        self.r1_gamma, self.r1_every = checked.r1_gamma, checked.r1_every
        if self.gan_weight and self.mix_share and setup.micro_batch_size < 2:
            raise ConfigError(
                "mix_share needs two samples or more in each micro-batch of each process, got "
                f"{setup.micro_batch_size}: increase {option_text('batch_size')}, decrease "
                f"{option_text('accumulate')}, or set mix_share=0."
            )
        # A distance without weight is not loaded.
        self._distance = make_distance(setup, checked) if self.distance_weight else None
        self.evaluations = generator.evaluations
        if self.gan_weight:
            self.evaluations += EVALUATIONS_OF_DISCRIMINATOR
            denoiser = setup.new_denoiser(False)
            self._players[DISCRIMINATOR] = UnetDiscriminator(
                denoiser,
                time=denoiser.schedule.last_time,
                noise_condition=checked.noise_condition,
                multi_scale=checked.multi_scale,
            )

    def players(self) -> Mapping[str, nn.Module]:
        """Return the student, and the discriminator if it is used."""
        return self._players

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        """Return one round, of all players; the student, whose graph is larger, plays last."""
        del step
        return (tuple(sorted(self._players, key=[DISCRIMINATOR, STUDENT].index)),)

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Made:
        """Return the student's latents for the batch's noise."""
        del players, draws
        conditioning = conditioning_of(batch, self._teacher, self._embeddings)
        scales = batch.guidance_scale if self._embeds_guidance else None
        latents = self._student.generate(batch[NOISE].float(), conditioning, scales)
        return Made(latents, conditioning)

    def loss(
        self, player: str, shared: Made, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the student or of the discriminator."""
        if player == STUDENT:
            return self._student_loss(shared, batch, draws)
        return self._discriminator_loss(shared, batch, draws)

    def after_step(self, step: int) -> None:
        """Do nothing."""
        del step

    def kept(self) -> Mapping[str, nn.Module]:
        """Return nothing."""
        return {}

    def student(self) -> Student:
        """Return the student: one step from the first time to x0."""
        return self._student

    def _student_loss(
        self, made: Made, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        target = batch[LATENT].float()
        with torch.autocast(target.device.type, enabled=False):
            loss = made.latents.new_zeros(())
            figures = {"mse": mse(made.latents.detach(), target)}
            if self._distance is not None:
                figures["distance"] = self._distance(made.latents, target, draws)
                loss = loss + self.distance_weight * figures["distance"]
            if self.l1_weight:
                loss = loss + self.l1_weight * (made.latents - target).abs().mean()
        if self.gan_weight:
            logits = self._logits(made.latents, made, batch)
            figures["gan"] = loss_if_real(logits).mean()
            loss = loss + self.gan_weight * figures["gan"]
        return loss, figures

    def _discriminator_loss(
        self, made: Made, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        target = batch[LATENT].float()
        fakes = made.latents.detach()
        if self.mix_share:
            mixed = draws.uniform() < self.mix_share
            fakes = torch.where(column(mixed), target[partners(len(target))], fakes)
        figures = {
            "real": loss_if_real(self._logits(target, made, batch)).mean(),
            "made": loss_if_made(self._logits(fakes, made, batch)).mean(),
        }
        loss = figures["real"] + figures["made"]
        if self.r1_gamma and (draws.step + 1) % self.r1_every == 0:
            figures["r1"] = self._penalty(made, batch, draws)
            loss = loss + self.r1_every * self.r1_gamma / 2 * figures["r1"]
        return loss, figures

    def _penalty(self, made: Made, batch: Batch, draws: Draws) -> Tensor:
        """Return R1 of one sample of the whole batch, weighted so that the parts average to R1."""
        row = draws.one_row()
        if row is None:
            return made.latents.new_zeros(())
        rows = slice(row, row + 1)
        target = batch[LATENT][rows].float().requires_grad_(True)
        tensors = made.conditioning[rows].tensors
        conditioning = Conditioning(
            {
                name: each.float() if each.is_floating_point() else each
                for name, each in tensors.items()
            }
        )
        discriminator = self._players[DISCRIMINATOR]
        assert isinstance(discriminator, UnetDiscriminator)
        # In float32, because gradients are small and loss scaling does not reach inner ones.
        with (
            torch.autocast(target.device.type, enabled=False),
            discriminator.differentiable_twice(),
        ):
            logits = discriminator(target, batch[NOISE][rows].float(), conditioning)
            penalty = gradient_penalty(logits, target)
        return penalty.sum() * (draws.batch_size / len(batch))

    def _logits(self, latents: Tensor, made: Made, batch: Batch) -> list[Tensor]:
        found: list[Tensor] = self._players[DISCRIMINATOR](
            latents, batch[NOISE].float(), made.conditioning
        )
        return found


def partners(num: int) -> list[int]:
    """Return, for each of `num` samples (2 or more), the index of another one: its neighbor.

    Samples are shuffled. Neighbors stay together if a batch is split into even micro-batches.
    """
    return [num - 2 if row == num - 1 and num % 2 else row ^ 1 for row in range(num)]


OPTIONS = Diffusion2GANOptions
NEEDS = PAIRS


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Diffusion2GAN:
    """Build the method."""
    return Diffusion2GAN(setup=setup, **options)

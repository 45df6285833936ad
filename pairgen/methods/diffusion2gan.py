"""Diffusion2GAN: from noise to the teacher's end point in one step, against a discriminator.

Reference:
    Kang et al. 2024, arXiv:2405.05967.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pairgen.config import boolean, integer, number
from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.adversarial import gradient_penalty, loss_if_made, loss_if_real
from pairgen.losses.distances import mse
from pairgen.losses.latent_augmentation import GROUPS
from pairgen.methods._pair_distance import make_distance
from pairgen.methods._pairs import LATENT, NOISE, check_pairs, conditioning_of, stored_embeddings
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, Setup, Student
from pairgen.methods.regression import Regression
from pairgen.networks.unet_discriminator import UnetDiscriminator
from pairgen.shards.loading.batch import Batch
from pairgen.teachers.base import Conditioning

DISCRIMINATOR = "discriminator"
# Trained on a real and a made latent, and passed by the student's gradients: there and back.
EVALUATIONS_OF_DISCRIMINATOR = 2 * EVALUATIONS_IF_TRAINED + 2
MAX_WEIGHT = 1e6


@dataclass(frozen=True)
class Made:
    """What both players look at.

    Attributes:
        latents: Of the student, [B, C, H, W] float32, with gradients.
        conditioning: Of the prompts, B rows.
    """

    latents: Tensor
    conditioning: Conditioning


class Diffusion2GAN:
    """Learn G(z, c) by its distance to the end point x, and against D(c, z, x).

    Args:
        setup: Teacher and datasets.
        distance: `e_latent_lpips`; `latent_lpips`, without augmentation; `lpips`, of
            decoded pictures; `mse` or `pseudo_huber`, of latents.
        perceptual: Weights of the perceptual net: a file of `pairgen train latent-lpips`, or the
            authors'; empty for the packaged one of the teacher's VAE.
        augmentations: Groups of E-LatentLPIPS: blit, geometry, colour, cutout.
        num_augmentations: Draws of them that it averages, for a sample and step.
        distance_weight: Of the distance.
        l1_weight: Of the mean |G - x|, added to it.
        gan_weight: lambda_GAN; 0 for no discriminator.
        noise_condition: Whether the discriminator sees the noise.
        multi_scale: Whether it sees and judges every scale.
        r1_gamma: gamma, weight of the gradient penalty; 0 for none.
        r1_every: Steps between two penalties, each of them so many times as heavy.
        mix_share: Share of the made latents that the discriminator gets replaced by end points of
            other samples, which it is to refuse by noise and prompt.

    Raises:
        ConfigError: The sets hold no pairs, or begin at different times; an option is not allowed.
    """

    facts: Sequence[str] = ()

    def __init__(
        self,
        *,
        setup: Setup,
        distance: str = "e_latent_lpips",
        perceptual: str = "",
        augmentations: str | Sequence[str] = GROUPS,
        num_augmentations: int = 1,
        distance_weight: float = 1.0,
        l1_weight: float = 1.0,
        gan_weight: float = 0.1,
        noise_condition: bool = True,
        multi_scale: bool = True,
        r1_gamma: float = 1e-6,
        r1_every: int = 16,
        mix_share: float = 0.25,
    ) -> None:
        check_pairs("diffusion2gan", setup.plans)
        generator = Regression(setup=setup, distance="mse")
        self._student = generator.student()
        self._players: dict[str, nn.Module] = dict(generator.players())
        self.fields = generator.fields
        self._teacher, self._told = setup.teacher, setup.guidance_embedding
        self._embeddings = stored_embeddings(setup.plans)
        self.distance_weight = number("distance_weight", distance_weight, 0.0, MAX_WEIGHT)
        self.l1_weight = number("l1_weight", l1_weight, 0.0, MAX_WEIGHT)
        self.gan_weight = number("gan_weight", gan_weight, 0.0, MAX_WEIGHT)
        self.r1_gamma = number("r1_gamma", r1_gamma, 0.0, MAX_WEIGHT)
        self.r1_every = integer("r1_every", r1_every, 1)
        self.mix_share = number("mix_share", mix_share, 0.0, 1.0)
        noise_condition = boolean("noise_condition", noise_condition)
        multi_scale = boolean("multi_scale", multi_scale)
        if not (self.distance_weight or self.l1_weight or self.gan_weight):
            raise ConfigError(
                "One of distance_weight, l1_weight and gan_weight must be above 0, got 0 for all."
            )
        if self.gan_weight and self.mix_share and setup.micro_batch_size < 2:
            raise ConfigError(
                "mix_share needs two samples or more in each micro-batch of each process, got "
                f"{setup.micro_batch_size}: give a larger batch_size, a smaller accumulate, or "
                "mix_share=0."
            )
        # What counts nothing is not loaded either.
        self._distance = (
            make_distance(setup, distance, perceptual, augmentations, num_augmentations)
            if self.distance_weight
            else None
        )
        self.evaluations = generator.evaluations
        if self.gan_weight:
            self.evaluations += EVALUATIONS_OF_DISCRIMINATOR
            denoiser = setup.new_denoiser(False)
            self._players[DISCRIMINATOR] = UnetDiscriminator(
                denoiser,
                time=denoiser.schedule.last_time,
                noise_condition=noise_condition,
                multi_scale=multi_scale,
            )

    def players(self) -> Mapping[str, nn.Module]:
        """Return the student, and the discriminator if it plays."""
        return self._players

    def turns(self, step: int) -> Sequence[str]:
        """Return all players, always; the student last, whose graph is the larger one."""
        del step
        return tuple(sorted(self._players, key=[DISCRIMINATOR, STUDENT].index))

    def forward(self, batch: Batch, draws: Draws) -> Made:
        """Return the student's latents of the batch's noises."""
        del draws
        conditioning = conditioning_of(batch, self._teacher, self._embeddings)
        scales = batch.guidance_scale if self._told else None
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
            fakes = torch.where(mixed.view(-1, 1, 1, 1), target[partners(len(target))], fakes)
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
        """Return R1 of one sample of the whole batch, so weighted that the parts' mean is it."""
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
        # In float32: slopes are small, and no loss scale lifts those inside.
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
    """Return for each of `num` samples, 2 or more, another one: its neighbour.

    Samples come shuffled. Neighbours stay together when a batch is cut into even micro-batches.
    """
    return [num - 2 if row == num - 1 and num % 2 else row ^ 1 for row in range(num)]


build = Diffusion2GAN

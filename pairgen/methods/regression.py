"""Regression: map the teacher's noise to its end point in one step, pair by pair."""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.decoder_features import feature_distance
from pairgen.losses.distances import mse, pseudo_huber
from pairgen.methods._pairs import (
    LATENT,
    NOISE,
    PAIRS,
    TEXT,
    OneStudent,
    check_pairs,
    conditioning_of,
    first_time,
    stored_embeddings,
)
from pairgen.methods._prediction import x0_eps_of
from pairgen.methods.base import Setup, Student
from pairgen.options import Option, Options
from pairgen.rules import Choice, Number, OrNone
from pairgen.sampling.conditioning import Conditioning
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes

DISTANCES = ("mse", "pseudo_huber", "perceptual")


class RegressionOptions(Options):
    """Options of `regression`."""

    command = "the method regression"

    distance: Annotated[
        str,
        Choice(DISTANCES),
        Option(
            "Distance to the end point: between latents (mse, pseudo_huber), or between the "
            "features that the VAE's decoder computes from them (perceptual)."
        ),
    ] = "pseudo_huber"
    student_time: Annotated[
        float | None,
        OrNone(Number(0.0, 1e6)),
        Option(
            "Timestep that the network is given.",
            metavar="T",
            default="the start time of the teacher's ODE, the only one allowed",
        ),
    ] = None


class Regression(OneStudent):
    """Learn G(z, c), the x0 predicted at the ODE's start time, by its distance to the end point.

    Args:
        setup: Teacher and datasets.
        **options: The options of `RegressionOptions`.

    Raises:
        ConfigError: A dataset holds no pairs, or the datasets start at another time.

    Reference:
        Kang et al. 2024 (Diffusion2GAN), arXiv:2405.05967: ODE distillation as paired translation;
        the head x0 = (z - sigma eps) / alpha is that of DMD2's published regression code.
    """

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        checked = RegressionOptions(**options)
        check_pairs("regression", setup.plans)
        start = first_time(setup.plans)
        if checked.student_time not in (None, start):
            raise ConfigError(
                f"student_time must be the start time of the datasets' ODE, {start:g}, got "
                f"{checked.student_time:g}."
            )
        self.distance = checked.distance
        self.time = start
        self._teacher = setup.teacher
        self._embeds_guidance = setup.guidance_embedding
        self._embeddings = stored_embeddings(setup.members)
        self.fields = (NOISE, LATENT, *(self._embeddings or (TEXT,)))
        super().__init__(setup.new_denoiser(setup.guidance_embedding))

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Tensor:
        """Return the student's x0 for the batch's noise, [B, C, H, W] float32."""
        del players, draws
        conditioning = conditioning_of(batch, self._teacher, self._embeddings)
        scales = batch.guidance_scale if self._embeds_guidance else None
        return self._generate(batch[NOISE].float(), conditioning, scales)

    def loss(
        self, player: str, shared: Tensor, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the distance to the teacher's end points."""
        del player, draws
        target = batch[LATENT].float()
        with torch.autocast(shared.device.type, enabled=False):
            if self.distance == "perceptual":
                found = feature_distance(
                    self._teacher.features(shared), self._teacher.features(target)
                )
                return found, {"mse": mse(shared.detach(), target)}
            distance = pseudo_huber if self.distance == "pseudo_huber" else mse
            return distance(shared, target), {"mse": mse(shared.detach(), target)}

    def student(self) -> Student:
        """Return the student: one step from the first time to x0."""
        return Student(
            denoiser=self._denoiser,
            generate=self._generate,
            sampling={"steps": 1, "solver": "ddim", "spacing": f"{self.time:g}", "end": "clean"},
            num_evaluations=1,
        )

    def _generate(
        self, noise: Tensor, conditioning: Conditioning, guidance_scale: Tensor | None
    ) -> Tensor:
        t = torch.full((len(noise),), self.time, dtype=torch.float64, device=noise.device)
        return x0_eps_of(self._denoiser, noise, t, conditioning, guidance_scale)[0].float()


OPTIONS = RegressionOptions
NEEDS = PAIRS


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Regression:
    """Build the method."""
    return Regression(setup=setup, **options)

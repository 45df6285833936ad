"""A diffusion model of HR given LR: how much of HR is open when LR is known.

The pretrained network, with the latent of the enlarged LR concatenated to the state, learns to
denoise HR. In one step from noise it is an MSE regression; in many it samples.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.image_recipe import NOISE, RESTORATION, ImageRecipe
from pairgen.losses.distances import mse
from pairgen.methods._images.pairs import ImagePairOptions, Prompts, hr_member
from pairgen.methods._pairs import OneStudent
from pairgen.methods.base import ImageStudent, Setup
from pairgen.sampling.enlarge import enlarge
from pairgen.sampling.parameterization import column, to_x0_eps
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes


class ConditionalDiffusion(OneStudent):
    """Learns x0 at uniform times, by its mean squared error."""

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        denoiser = setup.new_denoiser(image_channels=setup.teacher.latent_shape[0])
        super().__init__(denoiser)
        self.options = chosen = ImagePairOptions(**options)
        self.target = hr_member(setup.plans)
        self.fields = (self.target, chosen.source, *([chosen.text] if chosen.text else []))
        self._prompts = Prompts(setup.teacher, chosen)
        self._autoencoder = setup.new_autoencoder()

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return the predicted x0 and the latents of HR, both [B, C, h, w]."""
        del players
        with torch.no_grad():
            x0 = self._autoencoder.encode(batch.image(self.target))
            given = enlarge(batch.image(self.options.source), self.options.scale)
            latent = self._autoencoder.encode(given)
        schedule = self._denoiser.schedule
        t = draws.integers(0, int(schedule.first_time) + 1).double()
        alpha, sigma = (column(each.float()) for each in schedule.alpha_sigma(t))
        x = alpha * x0 + sigma * draws.normal(tuple(x0.shape[1:]))
        output = self._denoiser(x, t, self._prompts.of(batch).with_image(latent))
        made, _ = to_x0_eps(self._denoiser.prediction, output, x, alpha, sigma)
        return made, x0

    def loss(
        self, player: str, shared: tuple[Tensor, Tensor], batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean squared error of x0."""
        del player, batch, draws
        made, x0 = shared
        return mse(made, x0), {}

    def student(self) -> ImageStudent:
        """Return a student of one step."""
        chosen = self.options
        return ImageStudent(
            denoiser=self._denoiser,
            autoencoder=self._autoencoder,
            recipe=ImageRecipe(
                kind=RESTORATION,
                source=chosen.source,
                target=self.target,
                scale=chosen.scale,
                start=NOISE,
                concat=True,
                prompts=chosen.text,
                prompt=chosen.prompt,
            ),
            sampling={"steps": 1, "solver": "ddim", "spacing": "trailing", "end": "clean"},
            num_evaluations=1,
        )


@takes(ImagePairOptions)
def build(*, setup: Setup, **options: Any) -> ConditionalDiffusion:
    """Build the method."""
    return ConditionalDiffusion(setup=setup, **options)

"""A throw-away method that uses at once what the four coming methods need.

A student of two networks (a UNet that sees the latent of a low-resolution image, and the encoder
that makes it), a loss in pixels through the frozen decoder; a critic that scores by an adapter on
the student's own weights and judges by a spectrally normalized head; twice as many updates of the
critic as of the student; draws of the posterior and of the noise for each sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.image_recipe import ImageRecipe
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, ImageStudent, Setup
from pairgen.sampling.enlarge import enlarge
from pairgen.shards.loading.batch import Batch

SCALE, T = 2, 500.0
CRITIC = "critic"
# Its usual options of players: each network has adapters of its own.
PLAYERS = {
    "student": {
        "unet": {"lora_rank": 2, "lora_alpha": 4, "trained_layers": ["conv_in"]},
        "encoder": {"lora_rank": 3},
    },
    "critic": {"score": {"lora_rank": 4, "lora_alpha": 2, "trained_layers": ["conv_in"]}},
}


@dataclass(frozen=True)
class Restored:
    """What the players of a round share."""

    target: Tensor
    image_latent: Tensor
    x0: Tensor


class Everything:
    """See the module."""

    fields: Sequence[str] = ("png", "lr2.png")
    facts: Sequence[str] = ()
    evaluations: float = 3 * EVALUATIONS_IF_TRAINED

    def __init__(self, setup: Setup, weight: float = 0.1) -> None:
        self.weight = weight
        self.autoencoder = setup.new_autoencoder()
        self.unet = setup.new_denoiser(image_channels=4)
        self.score = self.unet.beside()
        # A convolution of latents, whose largest singular value is held at 1.
        torch.manual_seed(11)
        self.head = nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 3)).to(setup.device)
        self.conditioning = setup.teacher.encode_prompts([""] * 2)[:1]
        alpha, sigma = self.unet.schedule.alpha_sigma(torch.tensor([T], dtype=torch.float64))
        self.alpha, self.sigma = float(alpha), float(sigma)

    def players(self) -> Mapping[str, nn.Module]:
        student = nn.ModuleDict({"unet": self.unet, "encoder": self.autoencoder.encoder})
        return {STUDENT: student, CRITIC: nn.ModuleDict({"score": self.score, "head": self.head})}

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        return ((CRITIC,), (CRITIC, STUDENT))

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Restored:
        with torch.set_grad_enabled(STUDENT in players):
            target = batch.image("png")
            given = enlarge(batch.image("lr2.png"), SCALE)
            size = target.shape[-1] // 2
            latent = self.autoencoder.encode(given, draws.normal((4, size, size)))
            z = draws.normal((4, size, size))
            t = torch.full((len(batch),), T, dtype=torch.float64, device=z.device)
            eps = self.unet(z, t, self._text(len(batch)).with_image(latent))
            return Restored(target, latent, (z - self.sigma * eps) / self.alpha)

    def loss(
        self, player: str, shared: Restored, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if player == STUDENT:
            distance = F.mse_loss(self.autoencoder.decode(shared.x0), shared.target)
            return distance + self.weight * self._judged(shared.x0).mean(), {"mse": distance}
        x0 = shared.x0.detach()
        noise, u = draws.normal(x0.shape[1:]), draws.uniform().view(-1, 1, 1, 1)
        noised = torch.cos(u) * x0 + torch.sin(u) * noise
        text = self._text(len(batch)).with_image(shared.image_latent.detach())
        score = F.mse_loss(self.score(noised, 500 * u.flatten(), text), noise)
        with torch.no_grad():
            real = self.autoencoder.encode(shared.target)
        game = F.softplus(self._judged(x0)).mean() + F.softplus(-self._judged(real)).mean()
        return score + game, {"score": score}

    def _judged(self, latent: Tensor) -> Tensor:
        return self.head(latent.tanh()).mean((1, 2, 3))

    def _text(self, num: int) -> Any:
        return self.conditioning.expand(num)

    def after_step(self, step: int) -> None:
        pass

    def kept(self) -> Mapping[str, nn.Module]:
        return {}

    def student(self) -> ImageStudent:
        return ImageStudent(
            denoiser=self.unet,
            autoencoder=self.autoencoder,
            recipe=ImageRecipe(
                kind="restoration",
                source="lr2.png",
                scale=SCALE,
                start="noise",
                concat=True,
                posterior="sample",
            ),
            sampling={"steps": 1, "solver": "ddim", "spacing": f"{T:g}", "end": "clean", "cfg": 1},
            num_evaluations=1,
        )


build = Everything

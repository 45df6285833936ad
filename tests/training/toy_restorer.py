"""A toy student from images: the closed-form x0 from the latent of the given image, in one step.

It starts at that latent (OSEDiff's way), or at noise with the latent beside it (YONOS' way).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.image_recipe import ImageRecipe
from pairgen.losses.distances import mse
from pairgen.methods.base import STUDENT, ImageStudent, Setup
from pairgen.sampling.enlarge import enlarge
from pairgen.sampling.parameterization import to_x0_eps
from pairgen.shards.loading.batch import Batch


class ToyRestorer:
    facts: Sequence[str] = ()
    evaluations = 3

    def __init__(
        self,
        *,
        setup: Setup,
        kind: str = "restoration",
        source: str = "lr4.png",
        scale: int = 4,
        start: str = "image",
        concat: bool = False,
        posterior: str = "mean",
        train_encoder: bool = False,
        train_decoder: bool = False,
        prompts: str = "",
        prompt: str = "a cat",
        time: float = 700.0,
        takes_image: bool = False,
        trained_scale: int = 0,
    ) -> None:
        self.recipe = ImageRecipe(
            kind=kind,
            source=source,
            scale=scale,
            start=start,
            concat=concat,
            posterior=posterior,
            prompts=prompts,
            prompt=prompt,
        )
        self.fields = (source, self.recipe.target, *([prompts] if prompts else []))
        self.time, self.trained_scale = time, trained_scale or scale
        self.teacher = setup.teacher
        self.autoencoder = setup.new_autoencoder()
        channels = setup.teacher.latent_shape[0]
        self.denoiser = setup.new_denoiser(image_channels=channels if concat or takes_image else 0)
        self.trained: dict[str, Any] = {}
        if train_encoder:
            self.trained["encoder"] = self.autoencoder.encoder
        if train_decoder:
            self.trained["decoder"] = self.autoencoder.decoder

    def players(self) -> Mapping[str, nn.Module]:
        return {STUDENT: nn.ModuleDict({"unet": self.denoiser, **self.trained})}

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        return ((STUDENT,),)

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Tensor:
        shape = self.autoencoder.latent_shape(batch[self.recipe.target].shape[1:3])
        noise, own = draws.normal(shape), draws.normal(shape)
        texts = batch.texts[self.recipe.prompts] if self.recipe.prompts else None
        return self.make(given_of(batch, self.recipe.source), texts, noise, own)

    def make(
        self, given: Tensor, texts: Sequence[str] | None, noise: Tensor, own: Tensor
    ) -> Tensor:
        """Return the student's images; `own` is the numbers of the posterior's sample."""
        recipe = self.recipe
        own_noise = own if recipe.posterior == "sample" else None
        latent = self.autoencoder.encode(enlarge(given, self.trained_scale), own_noise)
        conditioning = self.teacher.encode_prompts(texts or [recipe.prompt] * len(given))
        if recipe.concat:
            conditioning = conditioning.with_image(latent)
        x = latent if recipe.start == "image" else noise
        t = torch.full((len(x),), self.time, dtype=torch.float64)
        output = self.denoiser(x, t, conditioning)
        alpha, sigma = (
            each.float().view(-1, 1, 1, 1) for each in self.denoiser.schedule.alpha_sigma(t)
        )
        x0, _ = to_x0_eps(self.denoiser.prediction, output, x, alpha, sigma)
        return self.autoencoder.decode(x0)

    def loss(
        self, player: str, shared: Tensor, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return mse(shared, batch.image(self.recipe.target)), {}

    def after_step(self, step: int) -> None:
        pass

    def kept(self) -> Mapping[str, nn.Module]:
        return {}

    def student(self) -> ImageStudent:
        return ImageStudent(
            denoiser=self.denoiser,
            autoencoder=self.autoencoder,
            recipe=self.recipe,
            sampling={"steps": 1, "solver": "ddim", "spacing": f"{self.time:g}", "end": "clean"},
            num_evaluations=1,
        )


def given_of(batch: Batch, source: str) -> Tensor:
    """Return the given images, [B, 3, h, w] in [-1, 1]; gray ones have R = G = B."""
    return batch.image(source).expand(-1, 3, -1, -1)


build = ToyRestorer

"""A toy student whose condition branch sees the image: the closed-form x0 from noise, in one step.

The branch alone is trained, or the network with it.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.image_recipe import NOISE, ImageRecipe
from pairgen.kinds.image_student import num_condition_channels
from pairgen.methods.base import STUDENT, ImageStudent, Setup
from pairgen.sampling.condition import as_condition, known_part
from pairgen.sampling.conditioning import SUM
from pairgen.sampling.enlarge import enlarge
from pairgen.sampling.parameterization import to_x0_eps
from pairgen.shards.loading.batch import Batch
from tests.training.toy_restorer import ToyRestorer

TIME = 999.0


class ToyCondition(ToyRestorer):
    def __init__(
        self,
        *,
        setup: Setup,
        kind: str = "conditional",
        source: str = "canny.png",
        scale: int = 1,
        mask: str = "",
        fusion: str = SUM,
        train_unet: bool = False,
        prompts: str = "",
    ) -> None:
        self.recipe = ImageRecipe(
            kind=kind,
            source=source,
            scale=scale,
            start=NOISE,
            branch=True,
            mask=mask,
            prompts=prompts,
            prompt="a cat",
        )
        names = (source, mask, self.recipe.target, prompts)
        self.fields = tuple(dict.fromkeys(name for name in names if name))
        self.teacher, self.autoencoder = setup.teacher, setup.new_autoencoder()
        self.denoiser = setup.new_denoiser(
            condition_channels=num_condition_channels(self.recipe), fusion=fusion
        )
        self.trained: nn.Module = self.denoiser if train_unet else self.denoiser.branch
        if not train_unet:
            self.denoiser.network.requires_grad_(False)

    def players(self) -> Mapping[str, nn.Module]:
        return {STUDENT: self.trained}

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Tensor:
        recipe = self.recipe
        given = batch.image(recipe.source).expand(-1, 3, -1, -1)
        if recipe.mask:
            given = known_part(given, batch.image(recipe.mask))
        texts = batch.texts[recipe.prompts] if recipe.prompts else [recipe.prompt] * len(given)
        conditioning = self.teacher.encode_prompts(texts)
        conditioning = conditioning.with_condition(as_condition(enlarge(given, recipe.scale)))
        x = draws.normal(self.autoencoder.latent_shape(batch[recipe.target].shape[1:3]))
        t = torch.full((len(x),), TIME, dtype=torch.float64)
        output = self.denoiser(x, t, conditioning)
        alpha, sigma = (
            each.float().view(-1, 1, 1, 1) for each in self.denoiser.schedule.alpha_sigma(t)
        )
        x0, _ = to_x0_eps(self.denoiser.prediction, output, x, alpha, sigma)
        return self.autoencoder.decode(x0)

    def student(self) -> ImageStudent:
        return ImageStudent(
            denoiser=self.denoiser,
            autoencoder=self.autoencoder,
            recipe=self.recipe,
            sampling={"steps": 1, "solver": "ddim", "spacing": "trailing", "end": "clean"},
            num_evaluations=1,
        )


build = ToyCondition

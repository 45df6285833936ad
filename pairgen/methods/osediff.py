"""OSEDiff: restore an image in one step from its own latent, regularized by score distillation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.image_recipe import IMAGE, RESTORATION, SAMPLE, ImageRecipe
from pairgen.losses.distances import mse
from pairgen.methods._images.pairs import Prompts, hr_member, image_pair_needs
from pairgen.methods._osediff.options import DRAWN, OFF, PIXEL, OSEDiffOptions
from pairgen.methods._osediff.score_distillation import ScoreDistillation
from pairgen.methods._prediction import x0_eps_of
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, ImageStudent, Needs, Setup
from pairgen.networks.lpips_file import load_lpips
from pairgen.sampling.condition import RGB
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.enlarge import MODES, enlarge
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes

REGULARIZER = "regularizer"


@dataclass(frozen=True)
class Restored:
    """What the players of a round share.

    Attributes:
        target: HR, [B, 3, H, W] in [-1, 1].
        image: The made images, [B, 3, H, W] in [-1, 1]; None where nobody needs them.
        scored: The latents whose scores are compared, [B, C, h, w].
        conditioning: The conditioning of the prompts, B rows.
    """

    target: Tensor
    image: Tensor | None
    scored: Tensor
    conditioning: Conditioning


class OSEDiff:
    """Learn to restore images; see the recipe `configs/train/osediff.yaml`.

    The student encodes the enlarged LR, takes one step in closed form from its latent, without
    added noise, and decodes: x0 = (z - sigma eps(z)) / alpha. It is the pretrained network with
    adapters, and so is the regularizer; without an adapter it is the frozen score: one set of
    weights for all three.

    The decoded image is clamped to [-1, 1]: a pixel beyond has no gradient of its distance. Score
    distillation acts on latents, before that.

    Args:
        setup: Teacher and datasets.
        **options: The options of `OSEDiffOptions`.

    Raises:
        ConfigError: An option is not allowed.

    Reference:
        Wu et al. 2024 (OSEDiff), arXiv:2406.08177, and its published training script.
    """

    facts: Sequence[str] = ()

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        self.options = chosen = OSEDiffOptions(**options)
        self.target = hr_member(setup.plans)
        self.fields = (self.target, chosen.source, *([chosen.text] if chosen.text else []))
        self._prompts = Prompts(setup.teacher, chosen)
        self._lpips = None
        if chosen.lpips_weight:
            location = setup.perceptual_net(chosen.perceptual, RGB)
            self._lpips = load_lpips(location, RGB, setup.device)
        self._autoencoder = setup.new_autoencoder()
        self._frozen_encoder = self._autoencoder.encoder
        if chosen.vsd == PIXEL:
            self._frozen_encoder = self._autoencoder.encoder.beside()
        self._denoiser = setup.new_denoiser()
        self._scores = None if chosen.vsd == OFF else self._make_scores(setup)

    @property
    def evaluations(self) -> float:
        """Evaluations of networks of the teacher's size, per sample and step."""
        if self._scores is None:
            return EVALUATIONS_IF_TRAINED
        alone = self.options.regularizer_updates - 1
        both = 2 * EVALUATIONS_IF_TRAINED + self._scores.evaluations
        return both + alone * (1 + EVALUATIONS_IF_TRAINED)

    def players(self) -> Mapping[str, nn.Module]:
        """Return the student, and the regularizer if it is used."""
        student = nn.ModuleDict(
            {"unet": self._denoiser, "encoder": self._autoencoder.encoder}  # type: ignore[dict-item]
        )
        if self._scores is None:
            return {STUDENT: student}
        return {STUDENT: student, REGULARIZER: self._scores.regularizer}  # type: ignore[dict-item]

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        """Return rounds of the regularizer alone, then one of both on the same latents."""
        del step
        if self._scores is None:
            return ((STUDENT,),)
        alone = ((REGULARIZER,),) * (self.options.regularizer_updates - 1)
        return (*alone, (STUDENT, REGULARIZER))

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Restored:
        """Restore the batch, with gradients if the student plays."""
        learns = STUDENT in players
        with torch.set_grad_enabled(learns):
            given = batch.image(self.options.source).expand(-1, RGB, -1, -1)
            target = batch.image(self.target)
            conditioning = self._prompts.of(batch)
            latent = self._generate(given, conditioning, draws)
            image = None
            if learns or self.options.vsd == PIXEL:
                image = self._autoencoder.decode(latent).clamp(-1, 1)
            scored = latent
            if self.options.vsd == PIXEL:
                scored = self._frozen_encoder(image)
        return Restored(target, image, scored, conditioning)

    def loss(
        self, player: str, shared: Restored, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the student or of the regularizer."""
        del batch
        if player == STUDENT:
            return self._student_loss(shared, draws)
        assert self._scores is not None
        times = self.options.regularizer_times
        given = (shared.scored, shared.conditioning, draws, times)
        return self._scores.regularizer_loss(*given), {}

    def after_step(self, step: int) -> None:
        """Do nothing."""
        del step

    def kept(self) -> Mapping[str, nn.Module]:
        """Return nothing."""
        return {}

    def student(self) -> ImageStudent:
        """Return the student: one step from the latent of the given image to x0."""
        chosen = self.options
        return ImageStudent(
            denoiser=self._denoiser,
            autoencoder=self._autoencoder,
            recipe=ImageRecipe(
                kind=RESTORATION,
                source=chosen.source,
                target=self.target,
                scale=chosen.scale,
                start=IMAGE,
                posterior=chosen.posterior,
                prompts=chosen.text,
                prompt=chosen.prompt,
            ),
            sampling={
                "steps": 1,
                "solver": "ddim",
                "spacing": f"{chosen.start_time:g}",
                "end": "clean",
                "cfg": 1,
            },
            num_evaluations=1,
        )

    def _make_scores(self, setup: Setup) -> ScoreDistillation:
        chosen = self.options
        # Two further wrappers of the student's weights: one gets an adapter, the other none.
        scores = ScoreDistillation(
            frozen=self._denoiser.beside(),
            regularizer=self._denoiser.beside(),
            negative=setup.teacher.encode_prompts([chosen.negative_prompt]),
            guidance=chosen.guidance,
            epsilon=chosen.vsd_epsilon,
        )
        scores.check_times("vsd_times", chosen.vsd_times)
        scores.check_times("regularizer_times", chosen.regularizer_times)
        return scores

    def _generate(self, given: Tensor, conditioning: Conditioning, draws: Draws) -> Tensor:
        """Return x0 in one step from the latents of the given images, [B, C, h, w]."""
        chosen = self.options
        modes: list[str] = []
        if chosen.enlarge == DRAWN:
            modes = [MODES[number] for number in draws.integers(0, len(MODES)).tolist()]
        larger = enlarge(given, chosen.scale, modes)
        noise = None
        if chosen.posterior == SAMPLE:
            height, width = larger.shape[-2:]
            noise = draws.normal(self._autoencoder.latent_shape((height, width)))
        z = self._autoencoder.encode(larger, noise)
        t = z.new_full((len(z),), chosen.start_time, dtype=torch.float64)
        return x0_eps_of(self._denoiser, z, t, conditioning)[0].float()

    def _student_loss(self, made: Restored, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        chosen, image = self.options, made.image
        assert image is not None
        with torch.autocast(image.device.type, enabled=False):
            figures = {"mse": mse(image, made.target)}
            loss = chosen.mse_weight * figures["mse"]
            if self._lpips is not None:
                figures["lpips"] = self._lpips(image, made.target).mean()
                loss = loss + chosen.lpips_weight * figures["lpips"]
        if self._scores is not None and chosen.vsd_weight:
            times = self._vsd_times(draws.step)
            figures["vsd"] = self._scores.loss(made.scored, made.conditioning, draws, times)
            loss = loss + chosen.vsd_weight * figures["vsd"]
        return loss, {name: each.detach() for name, each in figures.items()}

    def _vsd_times(self, step: int) -> tuple[int, int]:
        """Return start and stop of the times of a step."""
        chosen = self.options
        start, stop = chosen.vsd_times
        if not chosen.anneal_steps:
            return start, stop
        done = min(step / chosen.anneal_steps, 1.0)
        return start, round(stop + done * (chosen.anneal_to - stop))


def needs(options: OSEDiffOptions) -> Needs:
    """Return what it needs of its datasets."""
    return image_pair_needs(options, perceptual=bool(options.lpips_weight))


OPTIONS, NEEDS = OSEDiffOptions, needs


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> OSEDiff:
    """Build the method."""
    return OSEDiff(setup=setup, **options)

"""OSEDiff: restore an image in one step from its own latent, regularized by score distillation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import model_validator
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.image_recipe import IMAGE, POSTERIORS, RESTORATION, SAMPLE, ImageRecipe
from pairgen.list_rules import Span
from pairgen.losses.distances import mse
from pairgen.losses.score_distillation import vsd_direction, vsd_loss
from pairgen.methods._image_pairs import ImagePairOptions, Prompts, check_sizes, hr_member
from pairgen.methods._pairs import column
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, ImageStudent, Setup
from pairgen.networks.lpips_file import load_lpips
from pairgen.options import Option
from pairgen.rules import Choice, Integer, Number, Place, Text
from pairgen.sampling.enlarge import BICUBIC, MODES, enlarge
from pairgen.sampling.parameterization import to_output, to_x0_eps
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes
from pairgen.teachers._pretrained.predict import predict_guided
from pairgen.teachers.base import Conditioning, Denoiser

REGULARIZER = "regularizer"
LATENT, PIXEL, OFF = VSD_SPACES = ("latent", "pixel", "off")
DRAWN = "drawn"
RGB = 3
MAX_TIME, MAX_WEIGHT = 10**6, 1e6
# As published, with its words.
NEGATIVE_PROMPT = (
    "painting, oil painting, illustration, drawing, art, sketch, cartoon, CG Style, 3D render, "
    "unreal engine, blurring, dirty, messy, worst quality, low quality, frames, watermark, "
    "signature, jpeg artifacts, deformed, lowres, over-smooth"
)


class OSEDiffOptions(ImagePairOptions):
    """Options of `osediff`; the defaults are those of the published code."""

    command = "the method osediff"

    start_time: Annotated[
        float,
        Number(0.0, MAX_TIME),
        Option("Time at which the network takes the latent of LR.", metavar="T"),
    ] = 999.0
    posterior: Annotated[
        str,
        Choice(POSTERIORS),
        Option("Latent of LR: the mean of the encoder's posterior, or a sample of it."),
    ] = SAMPLE
    enlarge: Annotated[
        str,
        Choice((DRAWN, BICUBIC)),
        Option(
            f"How LR is enlarged in training: by one of {', '.join(MODES)}, drawn for each image, "
            "or as in restoration."
        ),
    ] = DRAWN
    mse_weight: Annotated[
        float, Number(0.0, MAX_WEIGHT), Option("Weight of the mean squared error of pixels.")
    ] = 1.0
    lpips_weight: Annotated[float, Number(0.0, MAX_WEIGHT), Option("Weight of LPIPS.")] = 2.0
    perceptual: Annotated[
        str,
        Place(),
        Option(
            "Weights of LPIPS: those of the lpips package (VGG16 and heads in one file), or a file "
            "of `pairgen train latent-lpips --pixels`.",
            metavar="FILE",
            default="the packaged ones of the teacher's VAE",
        ),
    ] = ""
    vsd: Annotated[
        str,
        Choice(VSD_SPACES),
        Option(
            "Where the scores are compared: at the made latents; at the latents of the made image, "
            "encoded again by the frozen encoder (ours); or nowhere."
        ),
    ] = LATENT
    vsd_weight: Annotated[
        float, Number(0.0, MAX_WEIGHT), Option("Weight of score distillation.")
    ] = 1.0
    vsd_times: Annotated[
        tuple[int, int],
        Span(0, MAX_TIME),
        Option("Times at which the scores are compared, [start, stop)."),
    ] = (20, 980)
    anneal_to: Annotated[
        int,
        Integer(0, MAX_TIME),
        Option(
            "Stop of vsd_times after anneal_steps steps, approached linearly (ours).",
            default="0: no annealing",
        ),
    ] = 0
    anneal_steps: Annotated[int, Integer(0), Option("Steps of the annealing (ours).")] = 0
    vsd_epsilon: Annotated[
        float, Number(0.0, MAX_WEIGHT), Option("Added to the divisor of score distillation.")
    ] = 0.0
    guidance: Annotated[
        float, Number(0.0, 1000.0), Option("Guidance scale of the frozen network; 1 for none.")
    ] = 7.5
    negative_prompt: Annotated[
        str,
        Text(),
        Option("Negative prompt of the frozen network.", default="the published one"),
    ] = NEGATIVE_PROMPT
    regularizer_times: Annotated[
        tuple[int, int],
        Span(0, MAX_TIME),
        Option("Times at which the regularizer learns, [start, stop)."),
    ] = (0, 1000)
    regularizer_updates: Annotated[
        int,
        Integer(1, 1000),
        Option("Updates of the regularizer per step; each but one has a batch of its own."),
    ] = 1

    @model_validator(mode="after")
    def _check_together(self) -> "OSEDiffOptions":
        self.check_prompt()
        regularized = self.vsd_weight if self.vsd != OFF else 0.0
        if not (self.mse_weight or self.lpips_weight or regularized):
            raise ConfigError(
                "One of mse_weight, lpips_weight and vsd_weight must be above 0, got 0 for all "
                "that are used."
            )
        if bool(self.anneal_to) != bool(self.anneal_steps):
            raise ConfigError(
                "anneal_to and anneal_steps need each other, got "
                f"{self.anneal_to} and {self.anneal_steps}."
            )
        if self.anneal_to and self.anneal_to <= self.vsd_times[0]:
            raise ConfigError(
                f"anneal_to must be above the start of vsd_times, {self.vsd_times[0]}, got "
                f"{self.anneal_to}."
            )
        return self


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
        self._negative = setup.teacher.encode_prompts([chosen.negative_prompt])
        self._lpips = None
        if chosen.lpips_weight:
            location = setup.perceptual_net(chosen.perceptual, RGB)
            self._lpips = load_lpips(location, RGB, setup.device)
        self._autoencoder = setup.new_autoencoder()
        self._denoiser = setup.new_denoiser()
        # Two further wrappers of the same weights: one gets an adapter, the other none.
        self._frozen, self._regularizer = self._scores()
        self._check_times()
        self._frozen_encoder = self._autoencoder.encoder
        if chosen.vsd == PIXEL:
            self._frozen_encoder = self._autoencoder.encoder.beside()
        self.evaluations = self._evaluations()

    def players(self) -> Mapping[str, nn.Module]:
        """Return the student, and the regularizer if it is used."""
        student = nn.ModuleDict(
            {"unet": self._denoiser, "encoder": self._autoencoder.encoder}  # type: ignore[dict-item]
        )
        if self._regularizer is None:
            return {STUDENT: student}
        return {STUDENT: student, REGULARIZER: self._regularizer}  # type: ignore[dict-item]

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        """Return rounds of the regularizer alone, then one of both on the same latents."""
        del step
        if self._regularizer is None:
            return ((STUDENT,),)
        alone = ((REGULARIZER,),) * (self.options.regularizer_updates - 1)
        return (*alone, (STUDENT, REGULARIZER))

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Restored:
        """Restore the batch, with gradients if the student plays."""
        learns = STUDENT in players
        with torch.set_grad_enabled(learns):
            given = batch.image(self.options.source).expand(-1, RGB, -1, -1)
            target = batch.image(self.target)
            check_sizes(given, target, self.options)
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
        if player == REGULARIZER:
            return self._regularizer_loss(shared, draws), {}
        return self._student_loss(shared, draws)

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

    def _scores(self) -> tuple[Denoiser, Denoiser | None]:
        """Return the frozen score, and the regularizer if it is used."""
        if self.options.vsd == OFF:
            return self._denoiser, None
        return self._denoiser.beside(), self._denoiser.beside()

    def _check_times(self) -> None:
        """Refuse times that the network was not trained at."""
        highest = int(self._denoiser.schedule.first_time) + 1
        for name in ("vsd_times", "regularizer_times"):
            stop = getattr(self.options, name)[1]
            if stop > highest:
                raise ConfigError(
                    f"The stop of {name} must be at most {highest}, one more than the network's "
                    f"last time, got {stop}."
                )

    def _evaluations(self) -> float:
        """Return the evaluations of networks of the teacher's size per sample and step."""
        if self._regularizer is None:
            return EVALUATIONS_IF_TRAINED
        compared = 1 + (1 if self.options.guidance == 1 else 2)
        updates = self.options.regularizer_updates
        alone = (updates - 1) * (1 + EVALUATIONS_IF_TRAINED)
        return 2 * EVALUATIONS_IF_TRAINED + compared + alone

    def _generate(self, given: Tensor, conditioning: Conditioning, draws: Draws) -> Tensor:
        """Return x0 in one step from the latents of the given images, [B, C, h, w]."""
        chosen, denoiser = self.options, self._denoiser
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
        output = denoiser(z, t, conditioning)
        alpha, sigma = (column(each) for each in denoiser.schedule.alpha_sigma(t))
        # In float64, because 1 / alpha is 15 at Stable Diffusion's first time.
        x0, _ = to_x0_eps(denoiser.prediction, output.double(), z.double(), alpha, sigma)
        return x0.float()

    def _student_loss(self, made: Restored, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        chosen, image = self.options, made.image
        assert image is not None
        with torch.autocast(image.device.type, enabled=False):
            figures = {"mse": mse(image, made.target)}
            loss = chosen.mse_weight * figures["mse"]
            if self._lpips is not None:
                figures["lpips"] = self._lpips(image, made.target).mean()
                loss = loss + chosen.lpips_weight * figures["lpips"]
        if self._regularizer is not None and chosen.vsd_weight:
            figures["vsd"] = self._vsd(made, draws)
            loss = loss + chosen.vsd_weight * figures["vsd"]
        return loss, {name: each.detach() for name, each in figures.items()}

    def _vsd(self, made: Restored, draws: Draws) -> Tensor:
        assert self._regularizer is not None
        start, stop = self._vsd_times(draws.step)
        x, t, _ = self._noised(made.scored.detach(), draws, start, stop)
        scale = self.options.guidance
        guidance = None if scale == 1 else torch.full_like(t, scale, dtype=torch.float32)
        of_teacher = self._x0(self._frozen, x, t, made.conditioning, guidance)
        of_student = self._x0(self._regularizer, x, t, made.conditioning, None)
        with torch.autocast(x.device.type, enabled=False):
            direction = vsd_direction(
                made.scored.detach().float(), of_teacher, of_student, self.options.vsd_epsilon
            )
            return vsd_loss(made.scored.float(), direction)

    def _regularizer_loss(self, made: Restored, draws: Draws) -> Tensor:
        assert self._regularizer is not None
        denoiser = self._regularizer
        x0 = made.scored.detach().float()
        x, t, eps = self._noised(x0, draws, *self.options.regularizer_times)
        alpha, sigma = (column(each.float()) for each in denoiser.schedule.alpha_sigma(t))
        target = to_output(denoiser.prediction, x0, eps, alpha, sigma)
        return mse(denoiser(x, t, made.conditioning), target)

    def _vsd_times(self, step: int) -> tuple[int, int]:
        """Return start and stop of the times of a step."""
        chosen = self.options
        start, stop = chosen.vsd_times
        if not chosen.anneal_steps:
            return start, stop
        done = min(step / chosen.anneal_steps, 1.0)
        return start, round(stop + done * (chosen.anneal_to - stop))

    def _noised(
        self, x0: Tensor, draws: Draws, start: int, stop: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return x_t of latents at drawn times, the times [B] float64, and the noise."""
        t = draws.integers(start, stop).double()
        eps = draws.normal(tuple(x0.shape[1:]))
        alpha, sigma = (column(each.float()) for each in self._denoiser.schedule.alpha_sigma(t))
        return alpha * x0.float() + sigma * eps, t, eps

    def _x0(
        self,
        denoiser: Denoiser,
        x: Tensor,
        t: Tensor,
        conditioning: Conditioning,
        guidance: Tensor | None,
    ) -> Tensor:
        """Return x0 by a network without gradients, [B, C, h, w]."""
        x0, _ = predict_guided(
            denoiser,
            denoiser.schedule,
            denoiser.prediction,
            self._negative,
            x,
            t,
            conditioning,
            guidance,
        )
        return x0


OPTIONS = OSEDiffOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> OSEDiff:
    """Build the method."""
    return OSEDiff(setup=setup, **options)

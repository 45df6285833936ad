"""The options of `osediff`."""

from typing import Annotated

from pydantic import model_validator

from pairgen.errors import ConfigError
from pairgen.image_recipe import POSTERIORS, SAMPLE
from pairgen.list_rules import Span
from pairgen.methods._images.pairs import ImagePairOptions, PixelPerceptual
from pairgen.options import Option
from pairgen.rules import Choice, Integer, Number, Text
from pairgen.sampling.enlarge import BICUBIC, MODES

LATENT, PIXEL, OFF = VSD_SPACES = ("latent", "pixel", "off")
DRAWN = "drawn"
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
        Option("Timestep that the network is given with the latent of LR.", metavar="T"),
    ] = 999.0
    posterior: Annotated[
        str,
        Choice(POSTERIORS),
        Option("Latent of LR: the mean of the encoder's posterior, or a sample from it."),
    ] = SAMPLE
    enlarge: Annotated[
        str,
        Choice((DRAWN, BICUBIC)),
        Option(
            f"How LR is enlarged in training: by {', '.join(MODES[:-1])} or {MODES[-1]}, drawn for "
            "each image (drawn), or always as in restoration (bicubic)."
        ),
    ] = DRAWN
    mse_weight: Annotated[
        float, Number(0.0, MAX_WEIGHT), Option("Weight of the mean squared error of pixels.")
    ] = 1.0
    lpips_weight: Annotated[float, Number(0.0, MAX_WEIGHT), Option("Weight of LPIPS.")] = 2.0
    perceptual: PixelPerceptual = ""
    vsd: Annotated[
        str,
        Choice(VSD_SPACES),
        Option(
            "Where variational score distillation (VSD) compares the scores of the frozen network "
            "and of the regularizer: on the student's latents; on its decoded image, encoded "
            "again by the frozen encoder (pixel, pairgen's addition); or nowhere."
        ),
    ] = LATENT
    vsd_weight: Annotated[float, Number(0.0, MAX_WEIGHT), Option("Weight of VSD.")] = 1.0
    vsd_times: Annotated[
        tuple[int, int],
        Span(0, MAX_TIME),
        Option("Timesteps at which VSD compares the scores: [start, stop)."),
    ] = (20, 980)
    anneal_to: Annotated[
        int,
        Integer(0, MAX_TIME),
        Option(
            "Stop of vsd_times after anneal_steps steps, approached linearly (pairgen's addition).",
            default="0: no annealing",
        ),
    ] = 0
    anneal_steps: Annotated[
        int,
        Integer(0),
        Option(
            "Training steps over which the stop of vsd_times moves to anneal_to (pairgen's "
            "addition)."
        ),
    ] = 0
    vsd_epsilon: Annotated[
        float, Number(0.0, MAX_WEIGHT), Option("Number added to the divisor in VSD.")
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
        Option(
            "Timesteps at which the regularizer, VSD's model of the student's results, is "
            "trained: [start, stop)."
        ),
    ] = (0, 1000)
    regularizer_updates: Annotated[
        int,
        Integer(1, 1000),
        Option(
            "Updates of the regularizer per step: the last on the student's batch, each other on "
            "a batch of its own."
        ),
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

"""The options of `yonos`, and of its last stage, `yonos_decoder`."""

from typing import Annotated

from pydantic import model_validator

from pairgen.errors import ConfigError
from pairgen.losses.scale_distillation import OMEGAS, V
from pairgen.methods._images.encoded import EncodedPairOptions
from pairgen.methods._images.pairs import PixelPerceptual
from pairgen.methods.base import AVERAGE, RUN_WEIGHTS
from pairgen.options import Option
from pairgen.rules import Choice, Number, Place, Switch
from pairgen.sampling.parameterization import Prediction

MAX_WEIGHT = 1e6
# Names of what a network predicts, as the paper's.
OUTPUTS: dict[str, Prediction] = {"x0": "sample", "v": "v_prediction", "eps": "epsilon"}


class YONOSOptions(EncodedPairOptions):
    """Options of `yonos`: one stage of the chain."""

    command = "the method yonos"

    teacher: Annotated[
        str,
        Place(),
        Option(
            "Run of the previous stage, which restores LR of twice the size (2/N).",
            metavar="RUN",
            default="none: the target is HR, as for the first factor",
        ),
    ] = ""
    teacher_weights: Annotated[
        str,
        Choice(RUN_WEIGHTS),
        Option("Weights of the teacher: its moving average, or those after its last step."),
    ] = AVERAGE
    start_from: Annotated[
        str,
        Place(),
        Option(
            "Run whose network the student starts from.",
            metavar="RUN",
            default="the teacher, if there is one, else the model",
        ),
    ] = ""
    output: Annotated[
        str,
        Choice(tuple(OUTPUTS), or_empty=True),
        Option(
            "What the network is trained to predict. If that is not what it predicts already, its "
            "weights are a poor start.",
            default="what it predicts already",
        ),
    ] = ""
    omega: Annotated[
        str,
        Choice(OMEGAS),
        Option(
            "Weight of the squared error of x0: SNR + 1 (v), max(SNR, 1) (truncated), or 1 "
            "(constant)."
        ),
    ] = V
    pure_noise: Annotated[
        bool,
        Switch(),
        Option(
            "Use pure noise as the network's input at the largest timestep T, where restoration "
            "begins; otherwise a little of HR remains in it."
        ),
    ] = True
    start_share: Annotated[
        float,
        Number(0.0, 1.0),
        Option(
            "Share of samples to train at the largest timestep T; the timesteps of the others are "
            "uniform. 1: only T."
        ),
    ] = 0.25
    truth_share: Annotated[
        float, Number(0.0, 1.0), Option("Share of HR in the target; the rest is the teacher's x0.")
    ] = 0.0

    @model_validator(mode="after")
    def _check_together(self) -> "YONOSOptions":
        self.check_prompt()
        if self.teacher and self.scale % 2:
            raise ConfigError(
                f"scale must be even with a teacher, whose LR is twice as large, got {self.scale}."
            )
        if self.truth_share and not self.teacher:
            raise ConfigError(
                "truth_share needs a teacher: without one the target is HR, got "
                f"{self.truth_share:g}."
            )
        return self


class YONOSDecoderOptions(EncodedPairOptions):
    """Options of `yonos_decoder`: the last stage."""

    command = "the method yonos_decoder"

    network: Annotated[
        str,
        Place(),
        Option(
            "Run of `yonos` whose network makes the latents that the decoder is trained on, in "
            "one step from pure noise.",
            metavar="RUN",
            default="must be given",
        ),
    ] = ""
    l1_weight: Annotated[
        float, Number(0.0, MAX_WEIGHT), Option("Weight of the mean absolute error of pixels.")
    ] = 1.0
    lpips_weight: Annotated[float, Number(0.0, MAX_WEIGHT), Option("Weight of LPIPS.")] = 1.0
    perceptual: PixelPerceptual = ""
    gan_weight: Annotated[
        float,
        Number(0.0, MAX_WEIGHT),
        Option("Weight of the adversarial loss of a patch discriminator; 0 for no discriminator."),
    ] = 0.0

    @model_validator(mode="after")
    def _check_together(self) -> "YONOSDecoderOptions":
        self.check_prompt()
        if not (self.l1_weight or self.lpips_weight):
            raise ConfigError("One of l1_weight and lpips_weight must be above 0, got 0 for both.")
        return self

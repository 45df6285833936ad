"""The options of `codi`."""

from typing import Annotated

from pydantic import model_validator

from pairgen.errors import ConfigError
from pairgen.losses.conditional_distillation import EPS, SPACES, X0
from pairgen.methods._images.encoded import EncodedPairOptions
from pairgen.methods._images.pairs import ImagePairOptions, lr_member
from pairgen.methods.base import AVERAGE, RUN_WEIGHTS
from pairgen.options import Option
from pairgen.rules import Choice, Integer, Number, Place, Switch
from pairgen.sampling.conditioning import MIXTURE, SUM

MAX_WEIGHT = 1e6
SUPER_RESOLUTION, INPAINTING = "super-resolution", "inpainting"
# The member that a task is given; that of super-resolution depends on the scale.
MEMBERS = {
    SUPER_RESOLUTION: "",
    INPAINTING: "mask.png",
    "canny": "canny.png",
    "sketch": "sketch.png",
    "depth": "depth.png",
    "edit": "src.png",
}
# What is trained, to how the branch then adds to the network.
ALL, BRANCH = "all", "branch"
FUSION_OF = {ALL: MIXTURE, BRANCH: SUM}


class CoDiOptions(EncodedPairOptions):
    """Options of `codi`."""

    command = "the method codi"

    task: Annotated[
        str,
        Choice(tuple(MEMBERS)),
        Option(
            "What the student is conditioned on: LR (lrN.png, see `scale`), a picture with a mask "
            "(mask.png), its edges (canny.png, sketch.png), its depth (depth.png), or the picture "
            "before an edit (src.png)."
        ),
    ] = SUPER_RESOLUTION
    prompts: Annotated[
        str,
        Choice(("tags", "captions", "fixed")),
        Option(
            "Prompt of an image: its caption or instruction (txt), its tags (tag.txt, see `pairgen "
            "annotate`), or one fixed prompt for all images."
        ),
    ] = "captions"
    trains: Annotated[
        str,
        Choice(tuple(FUSION_OF)),
        Option(
            "What is trained: the network and its branch (all: CoDi), or only the branch of a "
            "frozen network, which becomes a ControlNet (branch: PE-CoDi)."
        ),
    ] = ALL
    learning_steps: Annotated[
        int,
        Integer(1, 1000),
        Option(
            "Number K of timesteps in the training grid. The consistency loss compares neighbors "
            "in the grid, which are T / K timesteps apart; K must divide T, the model's number of "
            "timesteps.",
            metavar="K",
        ),
    ] = 20
    same_time: Annotated[
        bool,
        Switch(),
        Option(
            "Use one timestep for all samples of a training step; otherwise each sample has its "
            "own."
        ),
    ] = True
    consistency_weight: Annotated[
        float,
        Number(0.0, MAX_WEIGHT),
        Option(
            "Weight of the consistency loss; 0 trains an ordinary conditional model, or with "
            "trains=branch an ordinary ControlNet."
        ),
    ] = 1.0
    consistency_space: Annotated[
        str,
        Choice((EPS, X0)),
        Option("Prediction that must be consistent: the noise (eps), or x0."),
    ] = EPS
    target_weight: Annotated[
        float, Number(0.0, MAX_WEIGHT), Option("Weight of the distance to the real latent.")
    ] = 1.0
    target_space: Annotated[
        str,
        Choice(SPACES),
        Option("Where that distance is measured: in x0, eps or v."),
    ] = X0
    pure_noise: Annotated[
        bool,
        Switch(),
        Option(
            "Use pure noise as the network's input at the largest timestep T, where sampling "
            "begins; otherwise a little of the image remains in it."
        ),
    ] = True
    guidance: Annotated[
        float,
        Number(0.0, 100.0),
        Option(
            "Guidance scale of the predictions that the consistency loss compares, and of "
            "sampling, which then takes two evaluations per step; 1 for none.",
        ),
    ] = 1.0
    drop_prompts: Annotated[
        float, Number(0.0, 1.0), Option("Share of samples that are trained without their prompt.")
    ] = 0.0
    target_decay: Annotated[
        float,
        Number(0.0, 1.0),
        Option(
            "Decay of the moving average of the weights, whose prediction is the target of the "
            "consistency loss; below 1."
        ),
    ] = 0.99
    start_from: Annotated[
        str,
        Place(),
        Option(
            "Run of the same task to initialize the network and the branch from; with "
            "trains=branch, the branch only.",
            metavar="RUN",
            default="none: the model and a new branch",
        ),
    ] = ""
    teacher: Annotated[
        str,
        Place(),
        Option(
            "Run of the same task whose frozen network takes the DDIM step of the consistency "
            "loss.",
            metavar="RUN",
            default="none: the network in training takes it, with its current weights",
        ),
    ] = ""
    teacher_weights: Annotated[
        str,
        Choice(RUN_WEIGHTS),
        Option("Weights of the teacher: its moving average, or those after its last step."),
    ] = AVERAGE

    @property
    def condition(self) -> str:
        """The member that is given."""
        return MEMBERS[self.task] or lr_member(self.scale)

    @property
    def factor(self) -> int:
        """The image is this many times as large as the given one."""
        return self.scale if self.task == SUPER_RESOLUTION else 1

    @model_validator(mode="after")
    def _check_together(self) -> "CoDiOptions":
        self.check_prompt()
        if not (self.consistency_weight or self.target_weight):
            raise ConfigError(
                "One of consistency_weight and target_weight must be above 0, got 0 for both."
            )
        if self.consistency_weight and self.learning_steps == 1:
            raise ConfigError(
                "learning_steps must be at least 2 with a consistency_weight above 0, got 1: there "
                "is no time after the only one."
            )
        if self.target_decay == 1:
            raise ConfigError("target_decay must be below 1, got 1: nothing would be averaged.")
        scale = ImagePairOptions.model_fields["scale"].default
        if self.task != SUPER_RESOLUTION and self.scale != scale:
            raise ConfigError(
                f"scale is used with task={SUPER_RESOLUTION} only: leave it out, got {self.scale} "
                f"with task={self.task}."
            )
        if self.teacher and not self.consistency_weight:
            raise ConfigError(
                "teacher is used with a consistency_weight above 0 only: leave it out, got "
                f"{self.teacher}."
            )
        return self

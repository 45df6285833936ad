"""The options of every student of a few steps, and of its distance to a teacher."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import model_validator

from pairgen.errors import ConfigError
from pairgen.list_rules import Each, Numbers
from pairgen.losses.adversarial import GAMES, HINGE
from pairgen.losses.score_distance import EXPONENTIAL, NFSD, WEIGHTS
from pairgen.options import Option, Options
from pairgen.rules import Choice, Integer, Number, Switch, Text

MAX_TIME, MAX_WEIGHT = 1e6, 1e6


class FewStepOptions(Options):
    """Options of the student, and of the teacher's x0 of what it makes."""

    student_steps: Annotated[
        int,
        Integer(1, 1000),
        Option("Sampling steps of the student in validation grids and in the exported model."),
    ] = 4
    times: Annotated[
        tuple[float, ...],
        Numbers(0.0, MAX_TIME, "time", falling=True),
        Option("Timesteps at which the student is trained; at the first, its input is pure noise."),
    ] = (999.0, 749.0, 499.0, 249.0)
    time_weights: Annotated[
        tuple[float, ...],
        Each(Number(0.0, MAX_WEIGHT), once=False),
        Option("How often each of these timesteps is drawn, as relative weights."),
    ] = (1.0, 1.0, 1.0, 1.0)
    backward_simulation: Annotated[
        bool,
        Switch(),
        Option(
            "At the later timesteps, train the student on the result of its own earlier steps "
            "from noise, instead of on noised latents of the data."
        ),
    ] = False
    game: Annotated[
        str, Choice(GAMES), Option("Adversarial loss: hinge, or softplus (non-saturating).")
    ] = HINGE
    discriminator_updates: Annotated[
        int,
        Integer(1, 1000),
        Option(
            "Updates of the discriminator per step: the last on the student's batch, each other "
            "on a batch of its own."
        ),
    ] = 1
    r1_gamma: Annotated[
        float,
        Number(0.0, MAX_WEIGHT),
        Option("Weight of the discriminator's R1 penalty; 0 for none."),
    ] = 1e-5
    distill_weight: Annotated[
        float,
        Number(0.0, MAX_WEIGHT),
        Option("Weight of the distance to the teacher's x0 (lambda); 0 for none."),
    ] = 0.0
    distill_weighting: Annotated[
        str,
        Choice(WEIGHTS),
        Option(
            "Weight c(t) of that distance over time: alpha (exponential), or that of score "
            "distillation sampling (sds); nfsd has the weight of sds, but the target of "
            "noise-free score distillation."
        ),
    ] = EXPONENTIAL
    guidance: Annotated[
        float,
        Number(0.0, 1000.0),
        Option(
            "Guidance scale of the teacher's x0; 1 for none. With nfsd, the weight of the "
            "prompt's direction (7.5 in its paper)."
        ),
    ] = 1.0
    nfsd_negative_prompt: Annotated[
        str,
        Text(),
        Option(
            "Negative prompt of noise-free score distillation, for distill_weighting=nfsd.",
            metavar="TEXT",
        ),
    ] = (
        "unrealistic, blurry, low quality, out of focus, ugly, low contrast, dull, dark, "
        "low-resolution, gloomy"
    )

    @model_validator(mode="after")
    def _check_times(self) -> "FewStepOptions":
        self.check_weights("time_weights", self.time_weights)
        if not self.distill_weight:
            self.refuse("used with distill_weight above 0", "distill_weighting", "guidance")
        if self.distill_weighting != NFSD:
            self.refuse("used with distill_weighting=nfsd", "nfsd_negative_prompt")
        return self

    def refuse(self, how: str, *names: str) -> None:
        """Refuse options that would have no effect.

        Args:
            how: With what they have one, in words.
            *names: The options.

        Raises:
            ConfigError: One has another value than its default.
        """
        for name in names:
            value = getattr(self, name)
            if value != type(self).model_fields[name].default:
                raise ConfigError(f"{name} is {how} only: leave it out, got {value}.")

    def check_weights(self, name: str, weights: Sequence[float]) -> None:
        """Refuse weights that are not one for each time.

        Raises:
            ConfigError: There are more or fewer, or all are 0.
        """
        if len(weights) != len(self.times) or not sum(weights):
            raise ConfigError(
                f"{name} must be a weight for each of the {len(self.times)} times, not all 0, "
                f"got {', '.join(f'{each:g}' for each in weights)}."
            )

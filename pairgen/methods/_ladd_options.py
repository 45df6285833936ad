"""The options of `ladd`."""

from typing import Annotated

from pydantic import model_validator

from pairgen.errors import ConfigError
from pairgen.list_rules import Each, Numbers
from pairgen.losses.adversarial import GAMES, HINGE
from pairgen.losses.score_distance import EXPONENTIAL, WEIGHTS
from pairgen.options import Option, Options
from pairgen.rules import Choice, Integer, Number, Switch

MAX_TIME, MAX_WEIGHT = 1e6, 1e6
OFF, FEATURES, FINITE = R1_FORMS = ("off", "features", "finite")


class LADDOptions(Options):
    """Options of `ladd`; the defaults are the published ones as far as they are known."""

    command = "the method ladd"

    student_steps: Annotated[
        int,
        Integer(1, 1000),
        Option("Steps of the student in validation grids and in the exported model."),
    ] = 4
    times: Annotated[
        tuple[float, ...],
        Numbers(0.0, MAX_TIME, "time", falling=True),
        Option("Times at which the student learns; at the first it sees noise alone."),
    ] = (999.0, 749.0, 499.0, 249.0)
    time_weights: Annotated[
        tuple[float, ...],
        Each(Number(0.0, MAX_WEIGHT), once=False),
        Option("How often each of these times is drawn."),
    ] = (0.7, 0.1, 0.1, 0.1)
    first_time_weights: Annotated[
        tuple[float, ...],
        Each(Number(0.0, MAX_WEIGHT), once=False),
        Option("The same in the first steps."),
    ] = (0.0, 0.0, 0.5, 0.5)
    first_steps: Annotated[int, Integer(0), Option("Number of first steps.")] = 500
    level_mean: Annotated[
        float,
        Number(-20.0, 20.0),
        Option("Mean of u; the discriminator sees latents whose alpha / sigma is exp(-u)."),
    ] = 1.0
    level_std: Annotated[
        float, Number(0.0, 20.0), Option("Standard deviation of u, which is normal.")
    ] = 1.0
    same_noise: Annotated[
        bool, Switch(), Option("Add the same noise at the same level to real and made latents.")
    ] = False
    game: Annotated[str, Choice(GAMES), Option("Losses of the adversarial game.")] = HINGE
    head_width: Annotated[
        int, Integer(8, 4096), Option("Channels inside a head, a multiple of eight.")
    ] = 128
    discriminator_updates: Annotated[
        int,
        Integer(1, 1000),
        Option("Updates of the discriminator per step; each but one has a batch of its own."),
    ] = 1
    r1: Annotated[
        str,
        Choice(R1_FORMS),
        Option(
            "Penalty of the discriminator on real latents: off; the squared gradient by the inputs "
            "of its heads; or, without second derivatives, the squared difference of its logits to "
            "those of latents with a little noise added, at the same level."
        ),
    ] = OFF
    r1_gamma: Annotated[float, Number(0.0, MAX_WEIGHT), Option("Weight of the penalty.")] = 1e-5
    r1_alpha: Annotated[
        float, Number(1e-6, 100.0), Option("Size of the little noise of r1=finite.")
    ] = 0.1
    distill_weight: Annotated[
        float,
        Number(0.0, MAX_WEIGHT),
        Option("Weight of the distance to the teacher's x0 (lambda); 0 for latents by a teacher."),
    ] = 0.0
    distill_weighting: Annotated[
        str, Choice(WEIGHTS), Option("Its weight over time, c(t): alpha, or that of SDS.")
    ] = EXPONENTIAL
    guidance: Annotated[
        float, Number(0.0, 1000.0), Option("Guidance scale of the teacher's x0; 1 for none.")
    ] = 1.0

    @model_validator(mode="after")
    def _check_together(self) -> "LADDOptions":
        for name in ("time_weights", "first_time_weights"):
            weights = getattr(self, name)
            if len(weights) != len(self.times) or not sum(weights):
                raise ConfigError(
                    f"{name} must be a weight for each of the {len(self.times)} times, not all 0, "
                    f"got {', '.join(f'{each:g}' for each in weights)}."
                )
        if self.head_width % 8:
            raise ConfigError(f"head_width must be a multiple of 8, got {self.head_width}.")
        return self

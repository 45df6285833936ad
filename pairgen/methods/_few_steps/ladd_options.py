"""The options of `ladd`."""

from typing import Annotated

from pydantic import model_validator

from pairgen.errors import ConfigError
from pairgen.list_rules import Each
from pairgen.methods._few_steps.options import MAX_WEIGHT, FewStepOptions
from pairgen.options import Option
from pairgen.rules import Choice, Integer, Number, Switch

OFF, FEATURES, FINITE = R1_FORMS = ("off", "features", "finite")


class LADDOptions(FewStepOptions):
    """Options of `ladd`; the defaults are the published ones as far as they are known."""

    command = "the method ladd"

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
    head_width: Annotated[
        int, Integer(8, 4096), Option("Channels inside a head, a multiple of eight.")
    ] = 128
    r1: Annotated[
        str,
        Choice(R1_FORMS),
        Option(
            "Penalty of the discriminator on real latents: off; the squared gradient by the inputs "
            "of its heads; or, without second derivatives, the squared difference of its logits to "
            "those of latents with a little noise added, at the same level."
        ),
    ] = OFF
    r1_alpha: Annotated[
        float, Number(1e-6, 100.0), Option("Size of the little noise of r1=finite.")
    ] = 0.1

    @model_validator(mode="after")
    def _check_together(self) -> "LADDOptions":
        self.check_weights("first_time_weights", self.first_time_weights)
        if self.r1 == OFF:
            self.refuse("used with r1=features or r1=finite", "r1_gamma")
        if self.r1 != FINITE:
            self.refuse("used with r1=finite", "r1_alpha")
        if self.head_width % 8:
            raise ConfigError(f"head_width must be a multiple of 8, got {self.head_width}.")
        return self

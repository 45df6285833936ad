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
        Option("How often each of these timesteps is drawn, as relative weights."),
    ] = (0.7, 0.1, 0.1, 0.1)
    first_time_weights: Annotated[
        tuple[float, ...],
        Each(Number(0.0, MAX_WEIGHT), once=False),
        Option(
            "How often each of the `times` is drawn in the first training steps, as relative "
            "weights."
        ),
    ] = (0.0, 0.0, 0.5, 0.5)
    first_steps: Annotated[
        int, Integer(0), Option("Number of training steps that use first_time_weights.")
    ] = 500
    level_mean: Annotated[
        float,
        Number(-20.0, 20.0),
        Option(
            "Mean of u, which sets the noise level of the discriminator's inputs: alpha / sigma = "
            "exp(-u)."
        ),
    ] = 1.0
    level_std: Annotated[
        float, Number(0.0, 20.0), Option("Standard deviation of u, which is normally distributed.")
    ] = 1.0
    same_noise: Annotated[
        bool,
        Switch(),
        Option("Add the same noise at the same level to real and generated latents."),
    ] = False
    head_width: Annotated[
        int,
        Integer(8, 4096),
        Option("Channels inside each head of the discriminator, a multiple of 8."),
    ] = 128
    r1: Annotated[
        str,
        Choice(R1_FORMS),
        Option(
            "R1 penalty of the discriminator on real latents: off; the squared gradient with "
            "respect to the inputs of its heads (features); or, without second derivatives, the "
            "squared change of its logits when a little noise is added to the latents (finite)."
        ),
    ] = OFF
    r1_alpha: Annotated[
        float, Number(1e-6, 100.0), Option("Standard deviation of the noise that r1=finite adds.")
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

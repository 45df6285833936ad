"""The options of one player of a training: how its network is optimized."""

from typing import Annotated, Any

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.options import Option, Options
from pairgen.rules import Checked, Choice, Integer, Number

LR_SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adamw", "adamw8bit", "sharded")


def _betas(name: str, value: Any) -> tuple[float, ...]:
    betas = tuple(value) if isinstance(value, list | tuple) else ()
    if len(betas) != 2:
        raise ConfigError(f"{name} must be two numbers in [0, 1), got {value!r}.")
    return tuple(config.number(f"Each of {name}", each, 0.0, 0.999999) for each in betas)


class PlayerConfig(Options):
    """How one player is optimized."""

    command = "a player"

    optimizer: Annotated[
        str,
        Choice(OPTIMIZERS),
        Option(
            "Optimizer: AdamW; with its moments in 8 bits; or sharded, where each rank keeps the "
            "moments of a part of the weights.",
            "Training",
            "identity",
            flag=False,
        ),
    ] = "adamw"
    lr: Annotated[
        float,
        Number(0.0, 10.0),
        Option(
            "Learning rate.",
            "Training",
            "identity",
            metavar="LR",
            default="the method's default",
        ),
    ] = 1e-5
    warmup_steps: Annotated[
        int,
        Integer(0),
        Option(
            "Steps over which the learning rate rises from 0.", "Training", "identity", flag=False
        ),
    ] = 0
    lr_schedule: Annotated[
        str,
        Choice(LR_SCHEDULES),
        Option(
            "Schedule of the learning rate: constant, or cosine down to 0 at the last step.",
            "Training",
            "identity",
            flag=False,
        ),
    ] = "constant"
    betas: Annotated[
        tuple[float, ...],
        Checked(
            _betas,
            {
                "type": "array",
                "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
                "minItems": 2,
                "maxItems": 2,
            },
            "Sequence[float]",
        ),
        Option("Betas of AdamW.", "Training", "identity", flag=False),
    ] = (0.9, 0.999)
    weight_decay: Annotated[
        float,
        Number(0.0, 10.0),
        Option("Weight decay of AdamW.", "Training", "identity", flag=False),
    ] = 0.01
    clip: Annotated[
        float,
        Number(0.0, 1e9),
        Option("Largest norm of the gradient; 0 for no limit.", "Training", "identity", flag=False),
    ] = 1.0
    ema_decay: Annotated[
        float,
        Number(0.0, 1.0),
        Option(
            "Decay of the weights' exponential moving average, which is what is exported then; 0 "
            "for none.",
            "Training",
            "identity",
            flag=False,
        ),
    ] = 0.0
    lora_rank: Annotated[
        int,
        Integer(0),
        Option(
            "Train LoRA adapters of this rank instead of all weights.",
            "Training",
            "identity",
            metavar="R",
            default="0: off",
        ),
    ] = 0

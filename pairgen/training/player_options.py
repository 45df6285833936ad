"""The options of one player of a training: how its network is optimized."""

from typing import Annotated, Any

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.list_rules import Each
from pairgen.options import Option, Options
from pairgen.rules import Checked, Choice, Integer, Number, Text

# Default of what the recipe of a method may set.
METHODS_ELSE = "the method's own, else"
LR_SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adamw", "adamw8bit", "sharded")
LAYERS = Each(Text(if_empty="name a layer, such as to_q"), at_least_one=False)


def _betas(name: str, value: Any) -> tuple[float, ...]:
    betas = tuple(value) if isinstance(value, list | tuple) else ()
    if len(betas) != 2:
        raise ConfigError(f"{name} must be two numbers in [0, 1), got {config.quoted(value)}.")
    return tuple(config.number(f"Each of {name}", each, 0.0, 0.999999) for each in betas)


class NetworkConfig(Options):
    """What of one network is trained: all weights, or adapters and single layers."""

    command = "a network"

    lora_rank: Annotated[
        int,
        Integer(0),
        Option(
            "Train LoRA adapters of this rank instead of all weights.",
            "Training",
            "identity",
            metavar="R",
            default=f"{METHODS_ELSE} 0: off",
        ),
    ] = 0
    lora_alpha: Annotated[
        float,
        Number(0.0, 1e6),
        Option(
            "LoRA alpha: the adapters are scaled by alpha divided by their rank.",
            "Training",
            "identity",
            default=f"{METHODS_ELSE} the rank: a scale of 1",
            flag=False,
        ),
    ] = 0.0
    lora_targets: Annotated[
        tuple[str, ...],
        LAYERS,
        Option(
            "Layers that get adapters, each given by the end of its name, such as to_q.",
            "Training",
            "identity",
            default="attention, feed-forward layers and convolutions",
            flag=False,
        ),
    ] = ()
    trained_layers: Annotated[
        tuple[str, ...],
        LAYERS,
        Option(
            "Layers to train in full, named as in lora_targets; the other layers stay frozen or "
            "get adapters.",
            "Training",
            "identity",
            flag=False,
        ),
    ] = ()

    @property
    def adapted(self) -> bool:
        """Whether the network's own weights stay as they are."""
        return bool(self.lora_rank or self.trained_layers)


class PlayerConfig(NetworkConfig):
    """How one player is optimized. Options of `NetworkConfig` apply to all of its networks."""

    command = "a player"

    optimizer: Annotated[
        str,
        Choice(OPTIMIZERS),
        Option(
            "Optimizer: AdamW (adamw), AdamW with 8-bit moments (adamw8bit), or AdamW whose "
            "moments are split among the ranks (sharded).",
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
            "Steps over which the learning rate rises from 0.",
            "Training",
            "identity",
            default=f"{METHODS_ELSE} 0",
            flag=False,
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
        Option(
            "Betas of AdamW.",
            "Training",
            "identity",
            default=f"{METHODS_ELSE} 0.9,0.999",
            flag=False,
        ),
    ] = (0.9, 0.999)
    weight_decay: Annotated[
        float,
        Number(0.0, 10.0),
        Option(
            "Weight decay of AdamW.",
            "Training",
            "identity",
            default=f"{METHODS_ELSE} 0.01",
            flag=False,
        ),
    ] = 0.01
    clip: Annotated[
        float,
        Number(0.0, 1e9),
        Option(
            "Largest norm of the gradient; 0 for no limit.",
            "Training",
            "identity",
            default=f"{METHODS_ELSE} 1",
            flag=False,
        ),
    ] = 1.0
    ema_decay: Annotated[
        float,
        Number(0.0, 1.0),
        Option(
            "Decay of the exponential moving average of the weights, which is then exported "
            "instead of the weights; 0 for none.",
            "Training",
            "identity",
            default=f"{METHODS_ELSE} 0",
            flag=False,
        ),
    ] = 0.0

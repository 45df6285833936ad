"""The options of `pairgen train latent-lpips` beside those that every training has."""

from dataclasses import dataclass
from typing import Any

from pairgen import config
from pairgen.config import did_you_mean, field_names
from pairgen.errors import ConfigError
from pairgen.training.config import TrainConfig

METHOD = "latent-lpips"
SPACES = ("latent", "pixel")
WEIGHT_DTYPES = ("float16", "float32")
# Options of a training that mean nothing here, because no student comes out or one process trains.
NOT_TAKEN = (
    "accumulate",
    "data_parts",
    "ema_decay",
    "gradient_checkpointing",
    "grid_every",
    "guidance_embedding",
    "lora_rank",
    "num_grid_prompts",
)


@dataclass(frozen=True, kw_only=True)
class LatentLpipsOptions:
    """Options of `latent-lpips`, checked.

    Attributes:
        space: `latent`, or `pixel` for a network of the decoded pictures.
        width: Factor of VGG16's channel counts.
        max_shift: Largest shift of what is classified, in places.
        held_out: Share of the samples that is not trained on and judges.
        calibration: Folder of judged triplets in the layout of BAPPS; empty for triplets that are
            made of the set's own latents.
        num_triplets: Of those.
        calibration_steps: Training steps of the weights.
        calibration_batch_size: Triplets of a step.
        calibration_lr: Learning rate of the weights.
        weights_dtype: In which the convolutions are saved.
    """

    space: str = "latent"
    width: float = 1.0
    max_shift: int = 4
    held_out: float = 0.05
    calibration: str = ""
    num_triplets: int = 4_096
    calibration_steps: int = 1_000
    calibration_batch_size: int = 64
    calibration_lr: float = 0.01
    weights_dtype: str = "float16"


def read_options(train: TrainConfig) -> LatentLpipsOptions:
    """Return the checked options of a training whose method is `latent-lpips`.

    Raises:
        ConfigError: A name is unknown, a value is not allowed, or an option of other methods is
            given.
    """
    usual = TrainConfig(method=train.method, data=train.data)
    for name in NOT_TAKEN:
        # Of `data_parts` a run remembers the 1 that it was begun with.
        if getattr(train, name) not in (getattr(usual, name), 1 if name == "data_parts" else None):
            raise ConfigError(
                f"{METHOD} has no option {name!r}: it trains one network, not a student."
            )
    known = field_names(LatentLpipsOptions)
    for name in train.options:
        if name not in known:
            hint = did_you_mean(name, [*known, *field_names(TrainConfig)])
            raise ConfigError(
                f"{METHOD} has no option {name!r}{hint}; known are {', '.join(known)}, and those "
                "of pairgen train."
            )
    checked = {name: _check_option(name, value) for name, value in train.options.items()}
    return LatentLpipsOptions(**checked)


def _check_option(name: str, value: Any) -> Any:
    match name:
        case "space":
            return config.choice(name, value, SPACES)
        case "weights_dtype":
            return config.choice(name, value, WEIGHT_DTYPES)
        case "calibration":
            return config.text(name, value)
        case "width":
            return config.number(name, value, 1 / 64, 4.0)
        case "held_out":
            return config.number(name, value, 0.001, 0.5)
        case "calibration_lr":
            return config.number(name, value, 0.0, 10.0)
        case "max_shift":
            return config.integer(name, value, 0, 64)
        case "num_triplets":
            return config.integer(name, value, 8)
        case _:
            return config.integer(name, value, 1)

"""The options of `pairgen train latent-lpips`, in addition to those of every training."""

from typing import Annotated

from pairgen.errors import ConfigError
from pairgen.methods import LATENT_LPIPS
from pairgen.options import Option, Options, default_of
from pairgen.rules import Choice, Integer, Number, Place
from pairgen.training.config import check_method_options
from pairgen.training.options import TrainConfig

METHOD = LATENT_LPIPS
SPACES = ("latent", "pixel")
WEIGHT_DTYPES = ("float16", "float32")
# Options of a training without a meaning here: there is no student, and one process trains.
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


class LatentLpipsOptions(Options):
    """Options of `latent-lpips`, checked."""

    command = METHOD

    space: Annotated[
        str,
        Choice(SPACES),
        Option("Train on latents, or on pixels for a network that compares decoded images."),
    ] = "latent"
    width: Annotated[
        float, Number(1 / 64, 4.0), Option("Factor by which to multiply VGG16's channel counts.")
    ] = 1.0
    max_shift: Annotated[
        int, Integer(0, 64), Option("Largest random shift of the inputs, in pixels of the input.")
    ] = 4
    held_out: Annotated[
        float,
        Number(0.001, 0.5),
        Option("Share of the samples to hold out from training, for evaluation."),
    ] = 0.05
    calibration: Annotated[
        str,
        Place(),
        Option(
            "Folder of triplets with human judgments, in the layout of BAPPS.",
            metavar="DIR",
            default="triplets made from the dataset's own latents",
        ),
    ] = ""
    num_triplets: Annotated[
        int, Integer(8), Option("Number of triplets to make if `calibration` is not given.")
    ] = 4_096
    calibration_steps: Annotated[
        int,
        Integer(1),
        Option("Training steps of the calibration, which trains LPIPS's weight per channel."),
    ] = 1_000
    calibration_batch_size: Annotated[
        int, Integer(1), Option("Triplets per step of the calibration.", metavar="B")
    ] = 64
    calibration_lr: Annotated[
        float, Number(0.0, 10.0), Option("Learning rate of the calibration.", metavar="LR")
    ] = 0.01
    weights_dtype: Annotated[
        str,
        Choice(WEIGHT_DTYPES),
        Option("Precision of the convolution weights in the saved file."),
    ] = "float16"


def read_options(train: TrainConfig) -> LatentLpipsOptions:
    """Return the checked options of a training whose method is `latent-lpips`.

    Raises:
        ConfigError: A name is unknown, a value is not allowed, or an option of other methods is
            given.
    """
    for name in NOT_TAKEN:
        # A run remembers the 1 of `data_parts` that it started with.
        usual = (default_of(TrainConfig, name), 1 if name == "data_parts" else None)
        if getattr(train, name) not in usual:
            raise ConfigError(
                f"{METHOD} has no option {name!r}: it trains one network, not a student."
            )
    check_method_options(METHOD, train.options, list(LatentLpipsOptions.model_fields))
    return LatentLpipsOptions(**train.options)

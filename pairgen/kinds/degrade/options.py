"""The options of `pairgen degrade`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import model_validator

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.kinds.continuing import planned_options
from pairgen.kinds.degrade.nested import check_doubling
from pairgen.kinds.images.options import LEAVE_OUT, ImageOptions, MaxAspect, MinSharpness
from pairgen.kinds.images.painted import check_side
from pairgen.kinds.run_options import CpuThreads, ShardBytes
from pairgen.list_rules import one_or_several
from pairgen.option_names import option_text
from pairgen.options import Option, names
from pairgen.rules import SEED, Checked, Choice, Integer, Number, Place, Switch
from pairgen.types import Plan

SCALES = (2, 4, 8, 16)
HR_FORMATS = ("png", "webp-lossless", "jpg")
CROPS = ("random", "tiled")
PIXEL_PATHS = ("cpu", "torch")


def _levels(name: str, value: Any) -> tuple[int, ...]:
    """Return some of `SCALES`, in ascending order."""
    wrong = ConfigError(f"{name} must be some of {', '.join(map(str, SCALES))}, got {value!r}.")
    try:
        numbers = config.numbers(name, value, min(SCALES), max(SCALES))
    except ConfigError as error:
        raise (error if "twice" in str(error) else wrong) from None
    if any(each not in SCALES for each in numbers):
        raise wrong
    return tuple(sorted(int(number) for number in numbers))


def _scales(name: str, value: Any) -> tuple[int, ...]:
    """Return at least one of `SCALES`."""
    if scales := _levels(name, value):
        return scales
    raise ConfigError(f"{name} must be some of {', '.join(map(str, SCALES))}, got {value!r}.")


_LEVELS_SCHEMA = one_or_several({"enum": list(SCALES)}, as_text=True, each_once=True)
_LEVELS_PYTHON = "int | str | Sequence[int]"


class DegradeConfig(ImageOptions):
    """Every option of `pairgen degrade`, checked."""

    command = "pairgen degrade"

    scales: Annotated[
        tuple[int, ...],
        Checked(_scales, _LEVELS_SCHEMA, _LEVELS_PYTHON),
        Option(
            "Super-resolution factors N: one or more of 2, 4, 8 and 16. Each stores LR at 1/N and "
            "2/N of the size of HR.",
            "Degradation",
            "identity",
            metavar="N[,N...]",
        ),
    ] = (4,)
    levels: Annotated[
        tuple[int, ...],
        Checked(_levels, _LEVELS_SCHEMA, _LEVELS_PYTHON),
        Option(
            "LR levels N (1/N of the size of HR) to store instead of those that --scales implies.",
            "Degradation",
            "identity",
            metavar="N[,N...]",
        ),
    ] = ()
    nested: Annotated[
        bool,
        Switch(),
        Option(
            "Make each level after the first from the stored level of twice its size, not from HR.",
            "Degradation",
            "identity",
        ),
    ] = False
    degradation: Annotated[
        str,
        Place(LEAVE_OUT),
        Option(
            "Degradation preset, or your own .yaml file.",
            "Degradation",
            "identity",
            metavar="NAME|FILE",
        ),
    ] = "realesrgan"
    crop: Annotated[
        int,
        Integer(16, 16_384),
        Option("Side of the HR crop in pixels.", "Images", "identity", metavar="PX"),
    ] = 512
    crops: Annotated[
        str,
        Choice(CROPS),
        Option("Random crops, or all tiles of a grid.", "Images", "identity"),
    ] = "random"
    samples_per_image: Annotated[
        int,
        Integer(1, 10**9),
        Option(
            "Random crops per image; you can raise it later.", "Images", "identity", metavar="K"
        ),
    ] = 1
    min_sharpness: MinSharpness = 0.0
    max_aspect: MaxAspect = 1000.0
    overlay: Annotated[
        bool,
        Switch(),
        Option(
            "Add HR and LR to the samples of the --from-ode dataset itself, as an overlay; HR is "
            "the whole decoded latent.",
            "Images",
        ),
    ] = False
    hr_format: Annotated[
        str,
        Choice(HR_FORMATS),
        Option("HR format; jpg uses quality 95 without chroma subsampling.", "Output", "identity"),
    ] = "png"
    out: Annotated[
        str,
        Place(LEAVE_OUT),
        Option(
            "Output folder or URL.",
            "Output",
            default="data/degrade-DEGRADATION; with --overlay, DIR.annotations/degraded",
        ),
    ] = ""
    samples_per_shard: Annotated[
        int, Integer(1, 10**9), Option("Samples per shard.", "Output", "remembered")
    ] = 256
    shard_bytes: ShardBytes = 0
    seed: Annotated[
        int,
        SEED,
        Option(
            "Random seed of crops, degradations and painted pictures.",
            "Degradation",
            "identity",
            metavar="S",
        ),
    ] = 0
    cpu_threads: CpuThreads = 1
    pixel_path: Annotated[
        str,
        Choice(PIXEL_PATHS),
        Option(
            "Degrade one image at a time on the CPU, or batches with torch, on a GPU if there is "
            "one; you cannot change it within a dataset.",
            "Compute",
            "identity",
        ),
    ] = "cpu"
    gpus_per_worker: Annotated[
        float,
        Number(0.0, 1024.0),
        Option(
            "GPUs per Ray actor.", "Workers", metavar="G", default="0; 1 with --pixel-path torch"
        ),
    ] = 0.0
    batch_size: Annotated[
        int,
        Integer(1, 4096),
        Option("Images per batch with --pixel-path torch.", "Compute", "remembered", metavar="B"),
    ] = 32

    @model_validator(mode="before")
    @classmethod
    def _take_a_gpu_where_it_is_used(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {"gpus_per_worker": 1.0, **values} if values.get("pixel_path") == "torch" else values

    @model_validator(mode="after")
    def _check_together(self) -> "DegradeConfig":
        if self.crops == "tiled" and "samples_per_image" in self.model_fields_set:
            raise ConfigError(
                f"{option_text('samples_per_image')} is for random crops; tiled ones are as many "
                f"as fit, got {self.samples_per_image}."
            )
        if self.crop % max(self.stored_levels):
            raise ConfigError(
                f"{option_text('crop')} must be a multiple of the largest level, "
                f"{max(self.stored_levels)}, got {self.crop}."
            )
        if self.nested:
            check_doubling(self.stored_levels)
        if self.overlay and not self.from_ode:
            raise ConfigError(
                f"{option_text('overlay')} needs {option_text('from_ode')}: the dataset whose "
                "samples get HR and "
                "LR."
            )
        self.check_inputs()
        if self.paints:
            check_side("crop", self.crop)
        return self

    @property
    def stored_levels(self) -> tuple[int, ...]:
        """N of every stored level, in ascending order."""
        halves = {scale // 2 for scale in self.scales if scale > 2}
        return tuple(sorted(self.levels or {*self.scales, *halves}))

    def levels_text(self) -> str:
        """Return the stored levels as a run announces them."""
        levels = ", ".join(f"1/{level}" for level in self.stored_levels)
        return f"levels {levels}, nested" if self.nested else f"levels {levels}"

    def remembered(self) -> dict[str, Any]:
        """Return the options that a resumed folder remembers, as plain data."""
        # It has no effect on tiles, and may not be given with them.
        tiled = {"samples_per_image"} if self.crops == "tiled" else set()
        return self.plain(without=names(DegradeConfig, "run") | tiled)


def continued_options(plan: Plan, given: Mapping[str, Any]) -> DegradeConfig:
    """Return the options of a dataset, overridden by the given ones.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    options = planned_options(DegradeConfig, plan, given)
    check_batch_size(given, options)
    return options


def check_batch_size(given: Mapping[str, Any], options: DegradeConfig) -> None:
    """Check that a batch size is given only for `pixel_path` torch.

    Args:
        given: The options that the user gave.
        options: The resolved options, including those that the folder remembers.

    Raises:
        ConfigError: `batch_size` is given, but `pixel_path` is not `torch`.
    """
    if "batch_size" in given and options.pixel_path != "torch":
        raise ConfigError(
            f"{option_text('batch_size')} must be left out with {option_text('pixel_path')} "
            f"{options.pixel_path!r}, which takes one image at a time, got {options.batch_size}."
        )

"""The options of `pairgen degrade`: one name in the flag, the config file and the Python call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.kinds.run_options import EXECUTORS, MAX_CPU_THREADS
from pairgen.types import Plan

SCALES = (2, 4, 8, 16)
HR_FORMATS = ("png", "webp-lossless", "jpg")
CROPS = ("random", "tiled")
PIXEL_PATHS = ("cpu", "torch")

# How a run is carried out; a resumed folder does not remember these.
RUN_OPTIONS = (
    "out",
    "images",
    "from_ode",
    "captions",
    "column",
    "max_rejected",
    "executor",
    "num_workers",
    "gpus_per_worker",
    "address",
)


@dataclass(frozen=True, kw_only=True)
class DegradeConfig:
    """Every option of `pairgen degrade`, checked.

    Attributes:
        images: Folders, globs, images, `.txt` lists, tars, Parquet or Arrow files; empty for the
            packaged set.
        from_ode: Folder of an ODE set whose decoded samples are the images, instead.
        captions: csv, tsv, jsonl or Parquet file with names of images and their captions; empty
            for those that lie beside the images.
        column: Column of the captions; empty for the usual one.
        scales: N of the 1/N that students start from: 2, 4, 8, 16. Each brings its 2/N.
        levels: N of the levels stored; empty for the scales and the halves they bring.
        degradation: A preset under `configs/degradations/`, or a `.yaml` file.
        crop: Side of HR, px; a multiple of the largest level.
        crops: `random`, or `tiled` for every tile of a grid.
        samples_per_image: Random crops an image.
        min_sharpness: Lowest variance of the Laplacian of a crop, in squared levels of 8 bits.
        max_aspect: Longer side over shorter one that an image may have.
        hr_format: `png`, `webp-lossless` or `jpg` (quality 95, full colour resolution).
        out: Folder or URL of the dataset; empty for `data/degrade-{degradation}`.
        samples_per_shard: Slots in a shard.
        seed: Of the dataset.
        max_rejected: Share of refused images and failed slots above which the exit code is 3; what
            `min_sharpness` and `max_aspect` leave out is neither.
        cpu_threads: Threads of OpenCV and torch in every worker.
        pixel_path: `cpu`, one image at a time by NumPy and OpenCV; or `torch`, in batches, on a GPU
            where there is one.
        batch_size: Images of a batch, for the path `torch`.
        executor: `serial`, `ray`, or `auto`: ray if RAY_ADDRESS is set or several GPUs are seen.
        num_workers: Ray actors; 0 for as many as the cluster has room for.
        gpus_per_worker: GPUs an actor takes, where there are any; unless told, 1 for the path
            `torch`, 0 for `cpu`; the decoder of `from_ode` uses one too.
        address: Of a running Ray cluster; empty for RAY_ADDRESS, or a local one.
    """

    images: tuple[str, ...] = ()
    from_ode: str = ""
    captions: str = ""
    column: str = ""
    scales: tuple[int, ...] = (4,)
    levels: tuple[int, ...] = ()
    degradation: str = "realesrgan"
    crop: int = 512
    crops: str = "random"
    samples_per_image: int = 1
    min_sharpness: float = 0.0
    max_aspect: float = 1000.0
    hr_format: str = "png"
    out: str = ""
    samples_per_shard: int = 256
    seed: int = 0
    max_rejected: float = 0.01
    cpu_threads: int = 1
    pixel_path: str = "cpu"
    batch_size: int = 32
    executor: str = "auto"
    num_workers: int = 0
    gpus_per_worker: float = 0.0
    address: str = ""

    @property
    def has_inputs(self) -> bool:
        """Whether it is said where images or their captions come from."""
        return bool(self.images or self.from_ode or self.captions or self.column)

    @property
    def stored_levels(self) -> tuple[int, ...]:
        """N of every level that is stored, rising."""
        halves = {scale // 2 for scale in self.scales if scale > 2}
        return tuple(sorted(self.levels or {*self.scales, *halves}))

    def remembered(self) -> dict[str, Any]:
        """Return what a resumed folder remembers, as plain data."""
        # Where it has no say it is no option that was given.
        without = ("samples_per_image",) if self.crops == "tiled" else ()
        return config.plain_options(self, without=(*RUN_OPTIONS, *without))


def make_degrade_config(options: Mapping[str, Any]) -> DegradeConfig:
    """Check options from a command line, a file or a call.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    known = config.field_names(DegradeConfig)
    config.check_keys(options, known, "the options of pairgen degrade")
    for name in ("images", "from_ode", "captions", "column", "degradation", "out"):
        if name in options and options[name] in ("", [""], ("",)):
            # As a script's unset variable gives it: not a wish for the default.
            raise ConfigError(f"{name} must not be empty: leave it out for the default.")
    if options.get("crops") == "tiled" and "samples_per_image" in options:
        raise ConfigError(
            "samples_per_image is for random crops; tiled ones are as many as fit, got "
            f"{options['samples_per_image']}."
        )
    options = {"gpus_per_worker": float(options.get("pixel_path") == "torch"), **options}
    checked = DegradeConfig(**{name: check_option(name, v) for name, v in options.items()})
    if checked.crop % max(checked.stored_levels):
        raise ConfigError(
            f"crop must be a multiple of the largest level, {max(checked.stored_levels)}, "
            f"got {checked.crop}."
        )
    if checked.images and checked.from_ode:
        raise ConfigError(
            f"Give images or from_ode, not both: got {', '.join(checked.images)} and "
            f"{checked.from_ode}."
        )
    if checked.from_ode and (checked.captions or checked.column):
        raise ConfigError(
            "captions and column are for images: the captions of from_ode are its prompts, got "
            f"{checked.captions or checked.column!r}."
        )
    return checked


def continued_options(plan: Plan, given: Mapping[str, Any]) -> DegradeConfig:
    """Return the options that a set was made with, but for those that are given.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    config = make_degrade_config({**plan.resolved["options"], **given})
    check_batch_size(given, config)
    return config


def check_batch_size(given: Mapping[str, Any], config: DegradeConfig) -> None:
    """Refuse a batch size for the path that has none.

    Args:
        given: What the user gave.
        config: The same with what the folder remembers.

    Raises:
        ConfigError: `batch_size` is given, and the path is not `torch`.
    """
    if "batch_size" in given and config.pixel_path != "torch":
        raise ConfigError(
            f"batch_size must be left out with pixel_path {config.pixel_path!r}, which takes one "
            f"image at a time, got {config.batch_size}."
        )


def check_option(name: str, value: Any) -> Any:
    """Return the checked value of one option.

    Raises:
        ConfigError: The value is not allowed.
    """
    match name:
        case "images":
            values = [value] if isinstance(value, str) else value
            if not isinstance(values, list | tuple):
                raise ConfigError(f"images must be paths, got {value!r}.")
            return tuple(config.text(name, each) for each in values)
        case "scales" | "levels":
            wrong = ConfigError(
                f"{name} must be some of {', '.join(map(str, SCALES))}, got {value!r}."
            )
            try:
                numbers = config.numbers(name, value, min(SCALES), max(SCALES))
            except ConfigError as error:
                raise (error if "twice" in str(error) else wrong) from None
            # Without levels they follow from the scales; without scales there is nothing to do.
            if (not numbers and name == "scales") or any(each not in SCALES for each in numbers):
                raise wrong
            return tuple(sorted(int(number) for number in numbers))
        case "crop":
            return config.integer(name, value, 16, 16_384)
        case "samples_per_image" | "samples_per_shard":
            return config.integer(name, value, 1, 10**9)
        case "cpu_threads":
            return config.integer(name, value, 1, MAX_CPU_THREADS)
        case "batch_size":
            return config.integer(name, value, 1, 4096)
        case "pixel_path":
            return config.choice(name, value, PIXEL_PATHS)
        case "num_workers":
            return config.integer(name, value, 0)
        case "seed":
            return config.integer(name, value, 0, 2**63 - 1)
        case "max_rejected":
            return config.number(name, value, 0.0, 1.0)
        case "min_sharpness":
            return config.number(name, value, 0.0, 1e6)
        case "max_aspect":
            return config.number(name, value, 1.0, 1e6)
        case "gpus_per_worker":
            return config.number(name, value, 0.0, 1024.0)
        case "crops":
            return config.choice(name, value, CROPS)
        case "hr_format":
            return config.choice(name, value, HR_FORMATS)
        case "executor":
            return config.choice(name, value, EXECUTORS)
        case _:
            return config.text(name, value)

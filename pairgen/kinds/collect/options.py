"""The options of `pairgen collect`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import model_validator

from pairgen.errors import ConfigError
from pairgen.kinds.images.options import (
    INPUT_OPTIONS,
    LEAVE_OUT,
    ImageOptions,
    MaxAspect,
    MinSharpness,
)
from pairgen.kinds.run_options import CpuThreads
from pairgen.options import Option, names
from pairgen.resolution import sources_of
from pairgen.rules import SEED, Choice, Integer, Number, Place, Switch, Text
from pairgen.types import Plan

FORMATS = ("png", "jpg", "webp", "keep")
CROPS = ("center", "random")


class CollectConfig(ImageOptions):
    """Every option of `pairgen collect`, checked."""

    command = "pairgen collect"
    inputs: ClassVar[tuple[str, ...]] = (*INPUT_OPTIONS, "label_column")

    label_column: Annotated[
        str,
        Text(LEAVE_OUT),
        Option(
            "Column of class labels, integers from 0, in the table of captions, else in the "
            "images' own table; in a tar the member of that name. Stored as `cls`.",
            "Images",
            metavar="NAME",
        ),
    ] = ""
    size: Annotated[
        int,
        Integer(8, 16_384),
        Option("Side of the stored images in pixels.", "Images", "identity", metavar="PX"),
    ] = 512
    crop: Annotated[
        str,
        Choice(CROPS),
        Option(
            "Where to cut the square after the shorter side was resized to --size.",
            "Images",
            "identity",
        ),
    ] = "center"
    enlarge: Annotated[
        bool,
        Switch(),
        Option(
            "Enlarge images smaller than --size instead of rejecting them.", "Images", "identity"
        ),
    ] = False
    flip: Annotated[
        bool,
        Switch(),
        Option("Mirror every second image left to right, drawn per sample.", "Images", "identity"),
    ] = False
    min_size: Annotated[
        int,
        Integer(1, 10**6),
        Option(
            "Skip images whose shorter side has fewer pixels.",
            "Images",
            "identity",
            metavar="PX",
            default="no limit",
        ),
    ] = 1
    min_sharpness: MinSharpness = 0.0
    max_aspect: MaxAspect = 1000.0
    format: Annotated[
        str,
        Choice(FORMATS),
        Option(
            "Image format: jpg uses quality 95 without chroma subsampling, webp is lossless, keep "
            "stores the bytes of files of one format that have --size already.",
            "Output",
            "identity",
        ),
    ] = "png"
    out: Annotated[
        str, Place(LEAVE_OUT), Option("Output folder or URL.", "Output", default="data/collect")
    ] = ""
    samples_per_shard: Annotated[
        int, Integer(1, 10**9), Option("Samples per shard.", "Output", "remembered")
    ] = 256
    seed: Annotated[
        int,
        SEED,
        Option("Random seed of crops and flips.", "Images", "identity", metavar="S"),
    ] = 0
    cpu_threads: CpuThreads = 1
    gpus_per_worker: Annotated[
        float,
        Number(0.0, 1024.0),
        Option("GPUs per Ray actor; --from-ode decodes on them.", "Workers", metavar="G"),
    ] = 0.0

    @model_validator(mode="after")
    def _check_together(self) -> "CollectConfig":
        self.check_inputs()
        if self.from_ode and self.label_column:
            raise ConfigError(
                f"label_column is for images, not for from_ode, got {self.label_column!r}."
            )
        if self.format == "keep":
            self._check_kept()
        return self

    def _check_kept(self) -> None:
        """Check that nothing asks to change the bytes that are kept.

        Raises:
            ConfigError: An option would change them.
        """
        changing = [name for name in ("flip", "enlarge", "from_ode") if getattr(self, name)]
        if changing:
            raise ConfigError(
                f"format keep stores the bytes of files as they are: leave out {changing[0]}, or "
                "give another format."
            )

    def remembered(self) -> dict[str, Any]:
        """Return the options that a resumed folder remembers, as plain data."""
        return self.plain(without=names(CollectConfig, "run"))


def continued_options(plan: Plan, given: Mapping[str, Any]) -> CollectConfig:
    """Return the options of a dataset, overridden by the given ones.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    there = plan.resolved["options"]
    return sources_of(CollectConfig, given).below("the plan", there).resolved().options

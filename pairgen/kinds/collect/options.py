"""The options of `pairgen collect`."""

from typing import Annotated, Any, ClassVar

from pydantic import model_validator

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.kinds.collect.together import SOURCES, check_together
from pairgen.kinds.images.options import (
    INPUT_OPTIONS,
    LEAVE_OUT,
    ImageOptions,
    MaxAspect,
    MinSharpness,
)
from pairgen.kinds.run_options import CpuThreads, ShardBytes
from pairgen.options import Option, names
from pairgen.rules import SEED, Checked, Choice, Integer, Number, Place, Switch, Text
from pairgen.sources.painted.names import PAINTED

FORMATS = ("png", "jpg", "webp", "keep")
CROPS = ("center", "random")
SCALES = (1, 2, 3, 4, 8, 16)


def _scale(name: str, value: Any) -> int:
    """Return one of `SCALES`."""
    number = config.integer(name, value, min(SCALES), max(SCALES))
    if number not in SCALES:
        raise ConfigError(f"{name} must be one of {', '.join(map(str, SCALES))}, got {value!r}.")
    return number


class CollectConfig(ImageOptions):
    """Every option of `pairgen collect`, checked."""

    command = "pairgen collect"
    inputs: ClassVar[tuple[str, ...]] = (*INPUT_OPTIONS, *SOURCES, "label_column")

    hr: Annotated[
        str,
        Place(LEAVE_OUT),
        Option("HR images of existing pairs; needs --lr.", "Images", metavar="DIR"),
    ] = ""
    lr: Annotated[
        str,
        Place(LEAVE_OUT),
        Option(
            "LR images of these pairs: with the same file names, or with RealSR's endings, such "
            "as _HR and _LR4.",
            "Images",
            metavar="DIR",
        ),
    ] = ""
    pairs: Annotated[
        str,
        Place(LEAVE_OUT),
        Option(
            "Folder of existing pairs: test_HR/ and test_LR/ (StableSR), or gt/, lr/ and tag/ "
            "(SeeSR).",
            "Images",
            metavar="DIR",
        ),
    ] = ""
    scale: Annotated[
        int,
        Checked(_scale, {"enum": list(SCALES)}, f"Literal[{', '.join(map(str, SCALES))}]"),
        Option(
            "Super-resolution factor of the pairs: HR is N times as large as LR.",
            "Images",
            "identity",
            metavar="N",
        ),
    ] = 4
    edit_triples: Annotated[
        str,
        Place(LEAVE_OUT),
        Option(
            "Table of edits: csv, tsv, jsonl or Parquet with the columns source, instruction and "
            "target; paths are relative to the file. Or package:painted.",
            "Images",
            metavar="FILE",
        ),
    ] = ""
    label_column: Annotated[
        str,
        Text(LEAVE_OUT),
        Option(
            "Column of class labels (integers from 0) in the --captions table, else in the "
            "images' own table; in a tar, the member of that name. Stored as `cls`.",
            "Images",
            metavar="NAME",
        ),
    ] = ""
    size: Annotated[
        int,
        Integer(8, 16_384),
        Option("Side of the stored images in pixels.", "Images", "identity", metavar="PX"),
    ] = 512
    bucket: Annotated[
        bool,
        Switch(),
        Option(
            "Keep aspect ratios: give each image the best-fitting shape, from 1:4 to 4:1, of "
            "about --size x --size pixels, and make one sub-set for each shape.",
            "Images",
            "identity",
        ),
    ] = False
    crop: Annotated[
        str,
        Choice(CROPS),
        Option(
            "Where to crop, after the image is resized to just cover the square or the bucket's "
            "shape.",
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
        Option("Mirror images left to right with probability 1/2.", "Images", "identity"),
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
            "Image format: jpg uses quality 95 without chroma subsampling; webp is lossless; keep "
            "stores the files unchanged, which must share one format and already have --size.",
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
    shard_bytes: ShardBytes = 0
    seed: Annotated[
        int,
        SEED,
        Option(
            "Random seed of crops, flips and painted pictures.",
            "Images",
            "identity",
            metavar="S",
        ),
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
        check_together(self)
        return self

    @property
    def paints(self) -> bool:
        """Whether painted pictures, or edits of them, are asked for."""
        return super().paints or self.edit_triples == PAINTED

    @property
    def layout(self) -> str:
        """What a sample of the given sources is: `images`, `pairs` or `edits`."""
        if self.hr or self.lr or self.pairs:
            return "pairs"
        return "edits" if self.edit_triples else "images"

    def remembered(self) -> dict[str, Any]:
        """Return the options that a resumed folder remembers, as plain data."""
        return self.plain(without=names(CollectConfig, "run"))

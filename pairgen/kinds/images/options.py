"""The options of every set made from images: where these come from, and which are left out."""

from typing import Annotated, ClassVar

from pairgen.errors import ConfigError
from pairgen.kinds.images.painted import check_packaged
from pairgen.kinds.run_options import PartOptions
from pairgen.list_rules import Places
from pairgen.option_names import option_text
from pairgen.options import Option
from pairgen.redaction import listed_without_secrets
from pairgen.rules import Choice, Integer, Number, Place, Text
from pairgen.sources.painted.names import PAINTED, SPLITS
from pairgen.sources.texts.caption_choice import CAPTION_CHOICES, REFUSE

# Options that name the source of images or captions.
INPUT_OPTIONS = ("images", "from_ode", "captions", "column")
LEAVE_OUT = "leave it out for the default"

MinSharpness = Annotated[
    float,
    Number(0.0, 1e6),
    Option(
        "Skip crops whose Laplacian has a lower variance: flat or blurred crops are below 10, "
        "textured ones in the hundreds. Random crops try ten places.",
        "Images",
        "identity",
        metavar="V",
    ),
]
MaxAspect = Annotated[
    float,
    Number(1.0, 1e6),
    Option(
        "Skip images with a larger aspect ratio.",
        "Images",
        "identity",
        metavar="A",
        default="no limit",
    ),
]


class ImageOptions(PartOptions):
    """Options that name the images and their captions.

    Class Attributes:
        inputs: Names of the options that name a source.
    """

    inputs: ClassVar[tuple[str, ...]] = INPUT_OPTIONS

    images: Annotated[
        tuple[str, ...],
        Places("paths", LEAVE_OUT),
        Option(
            "Images: folders, globs, files, .txt lists of paths, .tar, .parquet or .arrow, local "
            "or as URLs; repeatable. Or package:painted, synthetic pictures that pairgen paints.",
            "Images",
            metavar="DIR|GLOB|FILE|URL",
            default="package:photographs",
        ),
    ] = ()
    from_ode: Annotated[
        str,
        Place(LEAVE_OUT),
        Option(
            "Use the decoded samples of a dataset made by `pairgen ode` as images.",
            "Images",
            metavar="DIR",
        ),
    ] = ""
    captions: Annotated[
        str,
        Place(LEAVE_OUT),
        Option(
            "Table of captions: csv, tsv, jsonl or Parquet with file_name (or image, path, key) "
            "and a caption column.",
            "Images",
            metavar="FILE",
        ),
    ] = ""
    column: Annotated[
        str,
        Text(LEAVE_OUT),
        Option(
            "Caption column.",
            "Images",
            metavar="NAME",
            default="caption, text, prompt or txt",
        ),
    ] = ""
    caption_choice: Annotated[
        str,
        Choice(CAPTION_CHOICES),
        Option(
            "What to do with an image that has a list of captions: refuse the image, take the "
            "first, draw one for each sample, or make a sample for each.",
            "Images",
            "identity",
        ),
    ] = REFUSE
    num_images: Annotated[
        int,
        # Keys have nine digits.
        Integer(0, 10**9),
        Option(
            "Number of pictures that package:painted makes; you can raise it later.",
            "Images",
            "remembered",
            metavar="N",
            default="must be given for package:painted",
        ),
    ] = 0
    split: Annotated[
        str,
        Choice(SPLITS),
        Option(
            "Compositions that package:painted shows: those that the model `tiny` was trained on "
            "(train), or those that it never saw (held-out).",
            "Images",
            "identity",
        ),
    ] = "train"

    @property
    def has_inputs(self) -> bool:
        """Whether a source of images or captions is given."""
        return any(getattr(self, name) for name in self.inputs)

    @property
    def paints(self) -> bool:
        """Whether painted pictures are asked for."""
        return PAINTED in self.images

    def check_inputs(self) -> None:
        """Check that one source of images is given, or none.

        Raises:
            ConfigError: The options contradict each other.
        """
        if self.images and self.from_ode:
            raise ConfigError(
                f"Give {option_text('images')} or {option_text('from_ode')}, not both: got "
                f"{listed_without_secrets(self.images)} and {self.from_ode}."
            )
        if self.from_ode and (self.captions or self.column):
            raise ConfigError(
                f"{option_text('captions')} and {option_text('column')} are for images: the "
                "captions of "
                f"{option_text('from_ode')} are its prompts, "
                f"got {self.captions or self.column!r}."
            )
        if self.caption_choice != REFUSE and (self.from_ode or self.paints):
            raise ConfigError(
                f"{option_text('caption_choice')} is for images of your own, whose captions may "
                f"be lists: leave it out, got {self.caption_choice!r}."
            )
        check_packaged(self)

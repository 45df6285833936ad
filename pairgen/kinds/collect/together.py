"""Which options of `pairgen collect` go together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pairgen.errors import ConfigError
from pairgen.kinds.images.painted import check_side
from pairgen.option_names import option_text
from pairgen.sources.painted.names import PAINTED
from pairgen.sources.texts.caption_choice import REFUSE

if TYPE_CHECKING:
    from pairgen.kinds.collect.options import CollectConfig

# Options that name pairs or triples.
SOURCES = ("hr", "lr", "pairs", "edit_triples")
# In fewer LR pixels no shift can be measured.
MIN_LR_SIDE = 16
# Sizes of which 1/8 is a multiple of 8.
BUCKET_STEP = 64


def check_together(options: "CollectConfig") -> None:
    """Check that options do not contradict each other.

    Raises:
        ConfigError: They do.
    """
    given = [name for name in ("images", "from_ode", *SOURCES) if getattr(options, name)]
    if bool(options.hr) != bool(options.lr):
        raise ConfigError(
            f"{option_text('hr')} and {option_text('lr')} must be given together: the two "
            "folders of the pairs."
        )
    if len(given) > 1 and given != ["hr", "lr"]:
        raise ConfigError(
            f"Give one source of images, got {' and '.join(map(option_text, given))}."
        )
    texts = [name for name in ("captions", "column", "label_column") if getattr(options, name)]
    if texts and (options.from_ode or options.edit_triples):
        raise ConfigError(
            f"{option_text(texts[0])} is for images, not for {option_text(given[0])}, got "
            f"{getattr(options, texts[0])!r}."
        )
    if options.edit_triples and options.caption_choice != REFUSE:
        raise ConfigError(
            f"{option_text('caption_choice')} is for images, not for "
            f"{option_text('edit_triples')}, which have one instruction each: leave it out, got "
            f"{options.caption_choice!r}."
        )
    if options.layout == "pairs":
        _check_pairs(options, texts)
    if options.bucket:
        _check_bucket(options)
    if options.paints:
        _check_painted(options)
    if options.format == "keep":
        changing = [
            name for name in ("flip", "enlarge", "from_ode", *SOURCES) if getattr(options, name)
        ]
        if changing:
            raise ConfigError(
                f"{option_text('format')} keep stores the bytes of single files as they are: "
                f"leave out {option_text(changing[0])}, or give another format."
            )


def _check_bucket(options: "CollectConfig") -> None:
    """Check the options of a set of buckets.

    Raises:
        ConfigError: They contradict each other.
    """
    if options.size % BUCKET_STEP:
        raise ConfigError(
            f"{option_text('size')} must be a multiple of {BUCKET_STEP} with "
            f"{option_text('bucket')}, got {options.size}."
        )
    square = {
        "pairs": options.layout == "pairs",
        "the samples of from_ode": bool(options.from_ode),
        "painted pictures": options.paints,
        "format keep": options.format == "keep",
    }
    what = next((name for name, applies in square.items() if applies), "")
    if what:
        raise ConfigError(
            f"{option_text('bucket')} is for images that are resized, not for {what}: leave it out."
        )


def _check_painted(options: "CollectConfig") -> None:
    """Check the options of a set of painted pictures.

    Raises:
        ConfigError: They contradict each other.
    """
    check_side("size", options.size)
    if options.min_size > options.size:
        raise ConfigError(
            f"{option_text('min_size')} must be at most the size of the painted pictures, "
            f"{options.size}, got {options.min_size}."
        )
    if options.format == "keep":
        raise ConfigError(
            f"{option_text('format')} keep stores the bytes of files, and {PAINTED} has none: "
            "give another format."
        )


def _check_pairs(options: "CollectConfig", texts: Sequence[str]) -> None:
    """Check the options of a set of pairs.

    Raises:
        ConfigError: They contradict each other.
    """
    if texts and not options.captions:
        raise ConfigError(
            f"{option_text(texts[0])} of pairs is a column of a table: give it with --captions, "
            "got "
            f"{getattr(options, texts[0])!r}."
        )
    if options.enlarge:
        raise ConfigError(
            f"{option_text('enlarge')} is not for pairs, which are never resized: leave it out."
        )
    if options.size % options.scale or options.size < MIN_LR_SIDE * options.scale:
        raise ConfigError(
            f"{option_text('size')} must be a multiple of the scale, {options.scale}, and at least "
            f"{MIN_LR_SIDE * options.scale}, got {options.size}."
        )

"""Which options go together with the images that the package holds or paints."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pairgen.errors import ConfigError
from pairgen.option_names import option_text
from pairgen.redaction import listed_without_secrets
from pairgen.sources.painted.names import MAX_SIDE, MIN_SIDE, PAINTED, PHOTOGRAPHS

if TYPE_CHECKING:
    from pairgen.kinds.images.options import ImageOptions

# Options of painted pictures alone.
PAINTED_OPTIONS = ("num_images", "split")
# Options that give texts to a user's own images.
TEXTS = ("captions", "column", "label_column")


def check_packaged(options: "ImageOptions") -> None:
    """Check the names of packaged images, and what is given with painted ones.

    Raises:
        ConfigError: A name is unknown, or the options contradict each other.
    """
    for name in options.images:
        if name.startswith("package:") and name not in (PAINTED, PHOTOGRAPHS):
            raise ConfigError(f"Packaged images are {PAINTED} and {PHOTOGRAPHS}, got {name!r}.")
    if PAINTED in options.images and len(options.images) > 1:
        raise ConfigError(
            f"{PAINTED} cannot be mixed with other images, got "
            f"{listed_without_secrets(options.images)}: make a set of each."
        )
    texts = [name for name in TEXTS if getattr(options, name, "")]
    if options.paints and texts:
        raise ConfigError(
            f"{option_text(texts[0])} is for images of your own, not for {PAINTED}, got "
            f"{getattr(options, texts[0])!r}."
        )


def check_side(name: str, side: int) -> None:
    """Check the side of painted pictures.

    Args:
        name: Name of the option that says it.
        side: Its value, in pixels.

    Raises:
        ConfigError: Pictures cannot be painted in this size.
    """
    if not MIN_SIDE <= side <= MAX_SIDE:
        raise ConfigError(
            f"{option_text(name)} must be from {MIN_SIDE} to {MAX_SIDE} for {PAINTED}, got {side}."
        )


def check_painted(given: Mapping[str, Any], options: "ImageOptions", is_painted: bool) -> None:
    """Check that options of painted pictures are given for these alone, and their number for these.

    Args:
        given: The options that the user gave.
        options: The resolved options, including those that the folder remembers.
        is_painted: Whether the pictures of the set are painted.

    Raises:
        ConfigError: They are given for other images, or the number is missing.
    """
    if is_painted and not options.num_images:
        raise ConfigError(
            f"{option_text('num_images')} must say how many pictures of {PAINTED} to paint."
        )
    for name in PAINTED_OPTIONS:
        if name in given and not is_painted:
            raise ConfigError(
                f"{option_text(name)} is for pictures of {PAINTED}: leave it out, got "
                f"{given[name]!r}."
            )

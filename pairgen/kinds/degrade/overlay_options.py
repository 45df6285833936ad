"""What `--overlay` leaves no choice of: HR is a whole image, slots and seed are the parent's."""

from pairgen.errors import ConfigError
from pairgen.kinds.degrade.options import DegradeConfig
from pairgen.option_names import option_text
from pairgen.options import default_of
from pairgen.resolution import Resolved
from pairgen.sources.photographs import ImageSize
from pairgen.types import Plan

OF_CROPS = ("crop", "crops", "samples_per_image", "max_aspect")
OF_PARENT = ("samples_per_shard", "seed")
# Options that an overlay neither takes nor remembers.
FIXED = (*OF_CROPS, *OF_PARENT)


def check_fixed(resolved: Resolved[DegradeConfig], parent: Plan, size: ImageSize) -> None:
    """Refuse a value of an option that an overlay has no choice of.

    Args:
        resolved: The options, and where each one came from.
        parent: The plan of the set that the overlay belongs to.
        size: Size of its decoded latents.

    Raises:
        ConfigError: An option was given another value than the only one.
    """
    if resolved.options.shard_bytes:
        raise ConfigError(
            f"{option_text('shard_bytes')} must be left out with {option_text('overlay')}: shards "
            f"are those of the samples that it adds to, got {resolved.options.shard_bytes}."
        )
    whole = f"HR is the whole decoded latent, {size.width} x {size.height} px"
    for name in FIXED:
        if name in OF_PARENT:
            only = getattr(parent, name)
            why = f"it is that of the samples that the overlay adds to, {only}"
        else:
            only, why = default_of(DegradeConfig, name), whole
            if name == "crop":
                only = size.width if size.width == size.height else None
        asked = getattr(resolved.options, name)
        if name in resolved.origins and asked != only:
            raise ConfigError(
                f"{option_text(name)} must be left out with {option_text('overlay')}: {why}, got "
                f"{asked}."
            )

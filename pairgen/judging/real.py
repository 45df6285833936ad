"""The real images that rows are compared with, and what is said of them."""

from typing import Any

from pairgen.evaluation.real_pictures import RealPictures, load_real_pictures


def find_real(location: str) -> RealPictures | None:
    """Return the statistics of real images at a location; None for no location.

    Raises:
        ConfigError: The file holds something else.
    """
    return load_real_pictures(location) if location else None


def real_facts(location: str, real: RealPictures | None, num: int) -> dict[str, Any] | None:
    """Return the facts of the real images, for `num` images; None for none."""
    if real is None:
        return None
    return {
        "path": location,
        "num_pictures": real.statistics.count,
        "floor": real.floor(num),
    }

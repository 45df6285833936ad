"""The words that choose a solver and a grid; without torch, so that options can name them."""

from itertools import pairwise

from pairgen.config import choice
from pairgen.option_names import option_text

SOLVER_NAMES = ("ddim", "dpmpp_2m", "heun")
SPACINGS = ("leading", "trailing", "linspace", "logsnr", "uniform")
ENDS = ("t0", "clean")


def check_spacing(spacing: str) -> str:
    """Return `spacing` if it is valid.

    Raises:
        ConfigError: It is not a rule, and does not list decreasing times.
    """
    times = named_times(spacing)
    if not times or any(not a > b for a, b in pairwise(times)):
        choice(option_text("spacing"), spacing, SPACINGS)
    return spacing


def named_times(spacing: str) -> list[float]:
    """Return the times that a spacing lists; empty for a rule."""
    try:
        return [float(time) for time in spacing.split(",")]
    except ValueError:
        return []

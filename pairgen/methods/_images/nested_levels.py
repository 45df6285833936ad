"""Whether the LR levels of a dataset follow from each other, as scale distillation needs."""

from collections.abc import Sequence
from typing import Any

from pairgen.errors import ConfigError
from pairgen.types import Plan

# Modes whose kernel grows with the factor, so that reducing twice is reducing once.
ANTIALIASED = ("bicubic-antialias", "area-weighted")


def why_not_nested(plan: Plan) -> str:
    """Return why the levels of a dataset are not nested, as a sentence; empty if they are.

    Nested levels are a Markov chain HR -> 2/N -> 1/N: what a student sees at 1/N is made from what
    its teacher sees at 2/N. They are if the dataset was made so (`pairgen degrade --nested`), and
    up to rounding if every level is only an antialiased resize of what all levels share.

    Args:
        plan: The plan of the dataset that holds LR, or of the overlay that does.
    """
    levels = sorted(int(name[2:-4]) for name in plan.members if _is_level(name))
    stored = ", ".join(f"1/{level}" for level in levels)
    if not levels:
        return "The dataset has no LR."
    if len(levels) == 1:
        return (
            f"The dataset has one level only, {stored}: `pairgen degrade --nested` makes several, "
            "each from the one before."
        )
    match plan.recipe.get("operations"):
        case {"nested": [_, *_]}:
            return ""
        case {"levels": [*operations]} if _is_only_resized(operations):
            return ""
    return (
        f"The levels {stored} are degraded apart from each other, by the preset "
        f"{plan.recipe.get('degradation')}: `pairgen degrade --nested` makes each from the one "
        "before."
    )


def check_nested(plans: Sequence[Plan]) -> None:
    """Refuse datasets whose levels are not nested.

    Args:
        plans: The plans that hold LR.

    Raises:
        ConfigError: There is one.
    """
    for plan in plans:
        if reason := why_not_nested(plan):
            raise ConfigError(f"A teacher at 2/N needs nested levels. {reason}")


def _is_level(member: str) -> bool:
    return member.startswith("lr") and member.endswith(".png") and member[2:-4].isdecimal()


def _is_only_resized(operations: Sequence[Any]) -> bool:
    """Whether a chain of a preset is one antialiased resize, beside operations that only record."""
    match [each for each in operations if each not in ("resize_back", {"resize_back": {}})]:
        case [{"resize_to_target": {"modes": [_, *_] as modes}}]:
            return all(mode in ANTIALIASED for mode in modes)
    return False

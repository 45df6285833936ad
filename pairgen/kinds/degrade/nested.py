"""Nested levels: each is made from the stored level of twice its size, not from HR."""

from collections.abc import Mapping, Sequence
from typing import Any

from pairgen.errors import ConfigError
from pairgen.option_names import option_text

# The chain of a preset, and the section of a recipe, that makes a level from the one before it.
NESTED = "nested"
# That chain where a preset has none.
HALVING = ({"resize_to_target": {"modes": ["bicubic-antialias"]}},)


def check_doubling(levels: Sequence[int]) -> None:
    """Check that levels can be nested: two or more, each twice the one before.

    Raises:
        ConfigError: They cannot.
    """
    ordered = sorted(levels)
    doubled = [ordered[0] * 2**number for number in range(len(ordered))]
    if len(ordered) < 2 or ordered != doubled:
        raise ConfigError(
            f"{option_text('nested')} needs two or more levels that double without a gap, such as "
            f"2,4,8 or 8,16; {option_text('scales')} and {option_text('levels')} give "
            f"{','.join(map(str, ordered))}."
        )


def choose_operations(recipe: Mapping[str, Any], nested: bool) -> dict[str, Any]:
    """Return the chains of a preset that a set uses: with `nested` or without."""
    chosen = {name: operations for name, operations in recipe.items() if name != NESTED}
    return chosen | {NESTED: recipe.get(NESTED) or list(HALVING)} if nested else chosen

"""Format values of any kind for a line of text."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

# Longer lists are abbreviated to their ends.
MAX_SHOWN = 8


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as `4 x 16 x 16`."""
    return " x ".join(map(str, shape))


def value_text(value: Any) -> str:
    """Format a value of a plan or a record in one line."""
    if isinstance(value, Mapping):
        # Between its entries stand commas already.
        return ", ".join(f"{name} {_text(entry, ' ')}" for name, entry in value.items())
    return _text(value, ", ")


def _text(value: Any, between: str) -> str:
    if isinstance(value, Mapping):
        return value_text(value)
    if isinstance(value, list | tuple):
        if len(value) > MAX_SHOWN:
            ends = [*map(value_text, value[:3]), "...", *map(value_text, value[-2:])]
            return f"{between.join(ends)} ({len(value):,})"
        return between.join(map(value_text, value))
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

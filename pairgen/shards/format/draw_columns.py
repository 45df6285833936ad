"""Flatten a draw into columns, so that an index can be searched by what was drawn."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Keys that hold the parts of a composition; column names use positions instead.
PARTS = ("operations", "groups")
# Composition keys that are not quantities themselves.
COMPOSITIONS = ("one_of", "maybe", "shuffled", "chain", "halved")


def draw_columns(draw: Mapping[str, Any]) -> dict[str, Any]:
    """Return {column: value} for every number and word in a draw.

    A column's name consists of the chain, the positions in it, the operation and the quantity:
    `draw_shared_2_resize_factor`, `draw_levels_3_order`. Names are Python identifiers, the same for
    every sample of a preset; what a sample did not draw has no column.
    """
    return {"_".join(("draw", *path)): value for path, value in _leaves(draw, ())}


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in PARTS:
                yield from _parts(inner, path)
            elif name in COMPOSITIONS and isinstance(inner, Mapping):
                yield from _leaves(inner, path)
            else:
                yield from _leaves(inner, (*path, name))
    else:
        yield path, value


def _parts(parts: Sequence[Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for position, part in enumerate(parts):
        yield from _leaves(part, (*path, str(position)))

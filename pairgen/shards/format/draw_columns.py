"""A draw as flat columns, so that an index can be searched by what was drawn."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Keys that hold the parts of a composition; positions stand for them in a column's name.
PARTS = ("operations", "groups")
# Keys of compositions that name no quantity themselves.
COMPOSITIONS = ("one_of", "maybe", "shuffled", "chain", "halved")


def draw_columns(draw: Mapping[str, Any]) -> dict[str, Any]:
    """Return {column: value} of every number and word in a draw.

    A column is named by the chain, the positions in it, the operation and what was drawn:
    `draw_shared_2_resize_factor`, `draw_levels_3_order`. The names are Python identifiers, the
    same for every sample of a preset; what a sample did not draw is not there.
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

"""Compare a stored sample with the same one made again: members and recorded facts."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairgen.shards.format.codec import decode_array, encode_facts, encode_field
from pairgen.types import Sample
from pairgen.wording import counted

# A smaller relative difference is rounding, and is reported as equal.
ROUNDING = 1e-3


@dataclass(frozen=True)
class Distance:
    """Difference between a stored array and the one made again.

    Attributes:
        relative: Norm of the difference over the norm of the array made again.
        largest: Largest absolute difference of two values.
        num_values: Number of values that differ.
        size: Number of values in the array.
    """

    relative: float
    largest: float
    num_values: int
    size: int

    def __str__(self) -> str:
        found = "equal to within" if self.relative < ROUNDING else "different by"
        return (
            f"{found} {self.relative:.1e} relative: {self.num_values:,} of {self.size:,} values "
            f"differ, by {self.largest:.2g} at most"
        )


@dataclass(frozen=True)
class Comparison:
    """Result of comparing a stored sample with the same one made again.

    Attributes:
        differences: Differences, in words: facts, then texts and images, then arrays.
        equal: Members that are equal in every byte.
        distances: Distances of the arrays whose values differ.
    """

    differences: tuple[str, ...]
    equal: tuple[str, ...]
    distances: Mapping[str, Distance]


def compare(made: Sample, members: Mapping[str, bytes]) -> Comparison:
    """Compare every member of a stored sample with one made again from the plan and its source.

    Strings in `json` that contain JSON are compared by content.
    """
    found: list[str] = []
    equal: list[str] = []
    distances: dict[str, Distance] = {}
    if members.get("json") != encode_facts(made.facts):
        found += _differing_facts(members.get("json"), made.facts)
    else:
        equal.append("json")
    for extension in sorted({*members, *made.fields} - {"json"}, key=_texts_first):
        value = made.fields.get(extension)
        if value is None:
            found.append(f"{extension} is stored but was not made again")
        elif extension not in members:
            found.append(f"{extension} was made again but is not stored")
        elif members[extension] == encode_field(value):
            equal.append(extension)
        elif isinstance(value, str):
            stored = members[extension].decode("utf-8", errors="replace")
            found += _differing(stored, value, extension)
        elif isinstance(value, np.ndarray):
            difference = _array_difference(members[extension], value)
            if isinstance(difference, Distance):
                distances[extension] = difference
            found.append(f"{extension} is {difference}")
        else:
            found.append(f"{extension} has different bytes")
    return Comparison(tuple(found), tuple(equal), distances)


def _texts_first(extension: str) -> tuple[bool, str]:
    """Sort the inputs of the teacher before its outputs."""
    return extension.endswith(".npy"), extension


def _array_difference(data: bytes, made: np.ndarray) -> Distance | str:
    """Return the distance between the array in `data` and `made`, or why there is none."""
    try:
        stored = decode_array(data)
    except ValueError as error:
        return f"no longer an array: {error}"
    if (stored.dtype, stored.shape) != (made.dtype, made.shape):
        return f"{stored.dtype} {list(stored.shape)}, made again {made.dtype} {list(made.shape)}"
    if not np.isfinite(stored).all():
        return f"not finite: {counted(int((~np.isfinite(stored)).sum()), 'value')}"
    difference = stored.astype(np.float64) - made.astype(np.float64)
    norm, size = np.linalg.norm(made.astype(np.float64)), np.linalg.norm(difference)
    return Distance(
        relative=float(size / norm) if norm > 0 else float("inf"),
        largest=float(np.abs(difference).max(initial=0.0)),
        num_values=int(np.count_nonzero(difference)),
        size=made.size,
    )


def _differing_facts(stored: bytes | None, made: Mapping[str, Any]) -> list[str]:
    if stored is None:
        return ["json was made again but is not stored"]
    try:
        facts = json.loads(stored)
    except (ValueError, RecursionError) as error:
        return [f"json cannot be read: {error}"]
    if not isinstance(facts, dict):
        return ["json is not an object"]
    return list(_differing(_opened(facts), _opened(made))) or ["json has different bytes"]


def _opened(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts with their JSON strings decoded."""
    opened = dict(facts)
    for name, value in facts.items():
        if isinstance(value, str) and value.startswith("{"):
            try:
                opened[name] = json.loads(value)
            except ValueError:
                continue
    return opened


def _differing(stored: Any, made: Any, path: str = "") -> Iterator[str]:
    """Yield `path: recorded a, made again b` for every leaf that differs."""
    if isinstance(stored, dict) and isinstance(made, dict):
        for key in sorted({*stored, *made}):
            yield from _differing(stored.get(key), made.get(key), f"{path}.{key}" if path else key)
    elif isinstance(stored, list) and isinstance(made, list) and len(stored) == len(made):
        for number, pair in enumerate(zip(stored, made, strict=True)):
            yield from _differing(*pair, f"{path}[{number}]")
    elif type(stored) is not type(made) or stored != made:
        yield f"{path}: recorded {_short(stored)}, made again {_short(made)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."

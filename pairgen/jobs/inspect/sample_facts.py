"""Describe a sample, as plain data and as text made from it."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pairgen.drawing.cells import NOISE, planned_noise
from pairgen.drawing.table import left_aligned
from pairgen.drawing.value_text import shape_text, value_text
from pairgen.errors import ConfigError
from pairgen.seeding import array_crc32
from pairgen.shards.format.codec import decode_member
from pairgen.shards.format.draw_columns import draw_columns
from pairgen.shards.format.image_member import is_image
from pairgen.shards.loading.stored import Stored
from pairgen.sources.photographs import UnusableImageError, decode_as_stored
from pairgen.types import Plan
from pairgen.wording import counted, label_text


def sample_data(plan: Plan, stored: Stored, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is in a sample.

    Args:
        plan: The dataset's plan.
        stored: The sample.
        made: How its shard was made, from the receipt.
    """
    facts: dict[str, Any] = {}
    members: dict[str, Any] = {}
    text = None
    for name, content in stored.members.items():
        members[name] = {"num_bytes": len(content)}
        try:
            value = decode_member(name, content)
            if is_image(name):
                value = decode_as_stored(bytes(content))
        except (ValueError, RecursionError, UnusableImageError) as error:
            members[name]["unreadable"] = str(error)
            continue
        if isinstance(value, np.ndarray):
            members[name] |= array_data(value)
        elif name == "json" and isinstance(value, dict):
            facts = value
        elif name == "txt":
            text = value
    if NOISE not in members and plan.recipe.get("noise") == "seed":
        members[NOISE] = _drawn_noise(plan, facts)
    return {
        "key": stored.key,
        "shard": stored.shard_index,
        "text": text,
        "facts": facts,
        "members": members,
        "made": dict(made),
    }


def sample_text(data: Mapping[str, Any]) -> str:
    """Format `sample_data` as text."""
    rows = [("key", data["key"]), ("shard", f"{data['shard']:05d}")]
    if data["text"] is not None:
        rows.append(("text", data["text"]))
    for name, value in data["facts"].items():
        if name == "draw":
            rows += [(column, value_text(drawn)) for column, drawn in _drawn(value).items()]
        else:
            rows.append((name, value_text(value)))
    made = data["made"].items()
    rows += [(f"made: {label_text(name)}", value_text(value)) for name, value in made]
    head = ("member", "dtype", "shape", "bytes", "min", "mean", "std", "max", "")
    lines = [head]
    for name, spec in data["members"].items():
        numbers = [f"{spec[each]:.4g}" if each in spec else "" for each in head[4:8]]
        size = f"{spec['num_bytes']:,}" if "num_bytes" in spec else ""
        note = spec.get("unreadable") or spec.get("note", "")
        if spec.get("num_not_finite"):
            note = f"{counted(spec['num_not_finite'], 'value is', 'values are')} not finite"
        lines.append(
            (name, spec.get("dtype", ""), shape_text(spec.get("shape", [])), size, *numbers, note)
        )
    return f"{left_aligned(rows)}\n\n{left_aligned(lines)}"


def array_data(array: np.ndarray) -> dict[str, Any]:
    """Return dtype, shape, and statistics of the finite values."""
    finite = array[np.isfinite(array)].astype(np.float64)
    data: dict[str, Any] = {"dtype": str(array.dtype), "shape": list(array.shape)}
    if finite.size < array.size:
        data["num_not_finite"] = array.size - finite.size
    if finite.size:
        for name in ("min", "mean", "std", "max"):
            data[name] = float(getattr(finite, name)())
    return data


def _drawn_noise(plan: Plan, facts: Mapping[str, Any]) -> dict[str, Any]:
    try:
        noise = planned_noise(plan, facts)
    except (ConfigError, KeyError, TypeError) as error:
        return {"note": f"not stored: {error}"}
    fits = array_crc32(noise) == facts.get("noise_crc32")
    note = "not stored; drawn again, its checksum " + ("matches" if fits else "DIFFERS")
    return {**array_data(noise), "note": note}


def _drawn(draw: Any) -> dict[str, Any]:
    """Return the draw, with the names of the index columns."""
    try:
        return draw_columns(json.loads(draw))
    except (TypeError, ValueError, AttributeError):
        return {"draw": draw}

"""What `pairgen inspect` tells, as plain data and as text made of it: both tell the same."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pairgen.errors import ConfigError
from pairgen.report.card import ABOUT, describe_plan
from pairgen.seeding import NOISE_GENERATOR, array_crc32, noise_for
from pairgen.shards.codec import decode_member
from pairgen.shards.draw_columns import draw_columns
from pairgen.shards.sample_check import PICTURES
from pairgen.shards.stored import Stored
from pairgen.shards.summary import Summary
from pairgen.sources.photographs import UnusableImageError, decode_rgb
from pairgen.types import INPUT_NAMES, FailedSlot, Plan, sample_key

NOISE = "noise.npy"
# Longer lists are shown by their ends.
MAX_SHOWN = 8
# Of the value of a row: operations are long, and stand whole in the plan and in the JSON.
MAX_CHARACTERS = 160


def set_data(url: str, plan: Plan, summary: Summary, sizes: Mapping[str, float]) -> dict[str, Any]:
    """Return what is in a set and how it was made.

    Args:
        url: Where it lies.
        plan: Its plan.
        summary: The fold of its receipts.
        sizes: Mean bytes of its members; empty when nobody looked.
    """
    inputs = INPUT_NAMES.get(plan.kind, "inputs")
    return {
        "folder": url,
        "kind": plan.kind,
        "complete": summary.num_shards == plan.num_shards,
        "num_samples": summary.num_samples,
        "num_planned": plan.num_samples,
        "num_shards": summary.num_shards,
        "num_shards_planned": plan.num_shards,
        "samples_per_shard": plan.samples_per_shard,
        "num_bytes": summary.num_bytes,
        "num_failed": summary.num_failed,
        "num_skipped": summary.num_skipped,
        "failed": [_failed_data(slot) for slot in summary.failed],
        "num_foreign_receipts": summary.num_foreign,
        "worker_seconds": round(summary.seconds, 3),
        inputs: {name: value for name, value in plan.source.items() if name != "sha256"},
        "members": {
            name: {
                "dtype": spec.get("dtype", "utf-8"),
                "shape": spec.get("shape", []),
                "mean_bytes": sizes.get(name),
                "about": ABOUT.get(name, ""),
            }
            for name, spec in sorted(plan.members.items())
        },
        "plan": dict(describe_plan(plan)),
        "made": {
            name: [
                {"value": value, "num_shards": share.num_shards, "num_samples": share.num_samples}
                for value, share in sorted(values.items())
            ]
            for name, values in summary.made.items()
        },
        "mixed": list(summary.mixed),
    }


def set_text(data: Mapping[str, Any]) -> str:
    """Return the text of `set_data`."""
    state = "complete by its receipts" if data["complete"] else "incomplete"
    inputs = next(name for name in (*INPUT_NAMES.values(), "inputs") if name in data)
    rows: list[tuple[str, str]] = [
        ("folder", data["folder"]),
        ("kind", f"{data['kind']}, {state}"),
        ("samples", f"{data['num_samples']:,} of {data['num_planned']:,} planned"),
        (
            "shards",
            f"{data['num_shards']:,} of {data['num_shards_planned']:,} planned, "
            f"{data['samples_per_shard']:,} slots each",
        ),
        ("bytes", f"{data['num_bytes']:,}"),
        (inputs, _shown(data[inputs])),
    ]
    if data["num_failed"] or data["num_skipped"]:
        told = f"{data['num_failed']:,} failed, {data['num_skipped']:,} left out by a threshold"
        rows.append(("no sample", told))
        rows += [("", f"{slot['key']}: {slot['reason']}") for slot in data["failed"][:MAX_SHOWN]]
    if data["num_foreign_receipts"]:
        told = f"{data['num_foreign_receipts']:,} not of this plan: see pairgen verify"
        rows.append(("receipts", told))
    rows += [(name, _clip(_shown(each))) for name, each in data["plan"].items() if name != inputs]
    for name, values in data["made"].items():
        label = f"{name} (mixed)" if name in data["mixed"] else name
        rows += zip([label, *[""] * (len(values) - 1)], map(_share, values), strict=True)
    rows.append(("worker seconds", f"{data['worker_seconds']:,.1f}"))
    if "where" in data:
        told = f"{data['where']['num_samples']:,} samples: {data['where']['condition']}"
        rows.append(("where", told))
    members = [("member", "dtype", "shape", "mean bytes", "content")]
    for name, spec in data["members"].items():
        size = "" if spec["mean_bytes"] is None else f"{spec['mean_bytes']:,.0f}"
        members.append((name, spec["dtype"], _shape(spec["shape"]), size, spec["about"]))
    return f"{table(rows)}\n\n{table(members)}"


def sample_data(plan: Plan, stored: Stored, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is in a sample.

    Args:
        plan: Of its set.
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
            if name.rpartition(".")[2] in PICTURES:
                value = decode_rgb(bytes(content))
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
    """Return the text of `sample_data`."""
    rows = [("key", data["key"]), ("shard", f"{data['shard']:05d}")]
    if data["text"] is not None:
        rows.append(("text", data["text"]))
    for name, value in data["facts"].items():
        if name == "draw":
            rows += [(column, _shown(drawn)) for column, drawn in _drawn(value).items()]
        else:
            rows.append((name, _shown(value)))
    rows += [(f"made: {name}", _shown(value)) for name, value in data["made"].items()]
    head = ("member", "dtype", "shape", "bytes", "min", "mean", "std", "max", "")
    lines = [head]
    for name, spec in data["members"].items():
        numbers = [f"{spec[each]:.4g}" if each in spec else "" for each in head[4:8]]
        size = f"{spec['num_bytes']:,}" if "num_bytes" in spec else ""
        note = spec.get("unreadable") or spec.get("note", "")
        if spec.get("num_not_finite"):
            note = f"{spec['num_not_finite']:,} values are not finite"
        lines.append(
            (name, spec.get("dtype", ""), _shape(spec.get("shape", [])), size, *numbers, note)
        )
    return f"{table(rows)}\n\n{table(lines)}"


def array_data(array: np.ndarray) -> dict[str, Any]:
    """Return dtype, shape, and figures of the finite values."""
    finite = array[np.isfinite(array)].astype(np.float64)
    data: dict[str, Any] = {"dtype": str(array.dtype), "shape": list(array.shape)}
    if finite.size < array.size:
        data["num_not_finite"] = array.size - finite.size
    if finite.size:
        for name in ("min", "mean", "std", "max"):
            data[name] = float(getattr(finite, name)())
    return data


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of equal length as columns of plain text."""
    lines = [[_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join(padded)


def planned_noise(plan: Plan, facts: Mapping[str, Any]) -> np.ndarray:
    """Return the noise of a sample, drawn again as its json says.

    Raises:
        ConfigError: It is drawn in a way that this version does not know.
    """
    if facts.get("noise_generator") != NOISE_GENERATOR:
        raise ConfigError(
            f"it is drawn by {facts.get('noise_generator')!r}, which is not known here"
        )
    shape = tuple(plan.members["latent.npy"]["shape"])
    return noise_for(facts["seed"], facts["pair_index"], shape, plan.recipe["stored_dtype"])


def _drawn_noise(plan: Plan, facts: Mapping[str, Any]) -> dict[str, Any]:
    try:
        noise = planned_noise(plan, facts)
    except (ConfigError, KeyError, TypeError) as error:
        return {"note": f"not stored: {error}"}
    fits = array_crc32(noise) == facts.get("noise_crc32")
    note = "not stored; drawn again, its checksum " + ("fits" if fits else "DIFFERS")
    return {**array_data(noise), "note": note}


def _drawn(draw: Any) -> dict[str, Any]:
    """Return what was drawn by the names of the index' columns."""
    try:
        return draw_columns(json.loads(draw))
    except (TypeError, ValueError, AttributeError):
        return {"draw": draw}


def _failed_data(slot: FailedSlot) -> dict[str, Any]:
    return {"key": sample_key(slot.index), "reason": slot.reason, "skipped": slot.skipped}


def _share(made: Mapping[str, Any]) -> str:
    return f"{made['value']}: {made['num_shards']:,} shards, {made['num_samples']:,} samples"


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple):
        if len(value) > MAX_SHOWN:
            ends = [*map(_shown, value[:3]), "...", *map(_shown, value[-2:])]
            return f"{' '.join(ends)} ({len(value):,})"
        return " ".join(map(_shown, value))
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _clip(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} ..."


def _one_line(text: str) -> str:
    """Return a text that cannot break out of its line, nor paint the terminal."""
    return "".join(each if each.isprintable() else " " for each in text)

"""Describe a dataset, as plain data and as text made from it."""

import json
from collections.abc import Mapping
from typing import Any

from pairgen.drawing.table import left_aligned
from pairgen.drawing.value_text import MAX_SHOWN, shape_text, value_text
from pairgen.jobs.inspect.inputs_text import inputs_text
from pairgen.jobs.inspect.summary import Summary
from pairgen.kinds.about import about_member
from pairgen.kinds.degrade.drawn_words import operation_named
from pairgen.kinds.plan_description import describe_plan
from pairgen.receipts import FailedSlot
from pairgen.types import INPUT_NAMES, Plan, sample_key
from pairgen.wording import counted, label_text

# Maximum length of a value; operations are long, and are complete in the plan and the JSON.
MAX_CHARACTERS = 160
# Begins the names of chains of operations, which a plan tells as JSON.
OPERATIONS = "operations, "


def set_data(url: str, plan: Plan, summary: Summary, sizes: Mapping[str, float]) -> dict[str, Any]:
    """Return what is in a dataset and how it was made.

    Args:
        url: URL of the dataset.
        plan: The dataset's plan.
        summary: Summary of its receipts.
        sizes: Mean bytes of its members; empty if not measured.
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
                "about": about_member(plan.kind, name),
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
    """Format `set_data` as text."""
    members = [("member", "dtype", "shape", "mean bytes", "content")]
    for name, spec in data["members"].items():
        size = "" if spec["mean_bytes"] is None else f"{spec['mean_bytes']:,.0f}"
        members.append((name, spec["dtype"], shape_text(spec["shape"]), size, spec["about"]))
    tables: list[list[tuple[str, ...]]] = [[*set_rows(data)], [*members]]
    if found := data.get("annotations"):
        tables.append([("annotation", "adds", "samples", "state"), *map(_annotation, found)])
    return "\n\n".join(left_aligned(table) for table in tables)


def set_rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return `set_data` as rows of a name and a value, the folder first; without the members."""
    state = "complete according to its receipts" if data["complete"] else "incomplete"
    inputs = next(name for name in (*INPUT_NAMES.values(), "inputs") if name in data)
    rows: list[tuple[str, str]] = [
        ("folder", data["folder"]),
        ("kind", f"{data['kind']}, {state}"),
        ("samples", f"{data['num_samples']:,} of {data['num_planned']:,} planned"),
        (
            "shards",
            f"{data['num_shards']:,} of {data['num_shards_planned']:,} planned, "
            f"{counted(data['samples_per_shard'], 'sample')} each",
        ),
        ("bytes", f"{data['num_bytes']:,}"),
        (inputs, inputs_text(data[inputs])),
    ]
    if data["num_failed"] or data["num_skipped"]:
        counts = f"{data['num_failed']:,} failed, {data['num_skipped']:,} excluded by a threshold"
        rows.append(("no sample", counts))
        rows += [("", f"{slot['key']}: {_told(slot)}") for slot in data["failed"][:MAX_SHOWN]]
    if data["num_foreign_receipts"]:
        foreign = f"{data['num_foreign_receipts']:,} of another plan: see pairgen verify"
        rows.append(("receipts", foreign))
    rows += [
        (name, told)
        for name, each in data["plan"].items()
        if name != inputs
        and (told := _operations(each) if name.startswith(OPERATIONS) else _clip(value_text(each)))
    ]
    for name, values in data["made"].items():
        label = label_text(name) + " (mixed)" * (name in data["mixed"])
        rows += zip([label, *[""] * (len(values) - 1)], map(_share, values), strict=True)
    rows.append(("worker seconds", f"{data['worker_seconds']:,.1f}"))
    if "where" in data:
        matching = (
            f"{counted(data['where']['num_samples'], 'sample')}: {data['where']['condition']}"
        )
        rows.append(("where", matching))
    return rows


def _operations(told: str) -> str:
    """Return the names of operations, in order, as all of them is more than a line; "" for none."""
    items = json.loads(told)
    named = map(operation_named, items if isinstance(items, list) else ())
    names = ", ".join(each[0] for each in named if each)
    return f"{_clip(names)} (--json: all)" if names else ""


def _annotation(data: Mapping[str, Any]) -> tuple[str, ...]:
    samples = f"{data['num_samples']:,} of {data['num_planned']:,}"
    samples += f" distinct {data['distinct']}" * bool(data["distinct"])
    state = data["state"] + f": run `{data['command']}`" * bool(data["command"])
    return (data["name"], ", ".join(data["adds"]), samples, state)


def _failed_data(slot: FailedSlot) -> dict[str, Any]:
    data = slot.to_dict()
    return {"key": sample_key(data.pop("index")), **data}


def _told(slot: Mapping[str, Any]) -> str:
    return f"{slot['image']}: {slot['reason']}" if "image" in slot else str(slot["reason"])


def _share(made: Mapping[str, Any]) -> str:
    return (
        f"{made['value']}: {counted(made['num_shards'], 'shard')}, "
        f"{counted(made['num_samples'], 'sample')}"
    )


def _clip(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} ..."

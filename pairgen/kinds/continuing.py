"""Whether a plan continues the set of a folder; two sets are never mixed in one."""

from typing import Any

from pairgen.errors import PlanMismatchError
from pairgen.types import INPUT_NAMES, Plan


def check_continues(old: Plan, new: Plan) -> None:
    """Raise unless `new` is the plan `old`, or the same with more samples.

    Raises:
        PlanMismatchError: Naming every field that differs, with both values.
    """
    different = _differing_fields(old, new)
    if old.samples_per_shard != new.samples_per_shard:
        different.append(
            f"samples_per_shard (there {old.samples_per_shard}, asked {new.samples_per_shard})"
        )
    if different:
        raise PlanMismatchError(
            "The folder holds another dataset; different are: " + ", ".join(different) + ". "
            "Give another --out, or the folder's own options (those not given are taken from it)."
        )
    if new.num_samples < old.num_samples:
        raise PlanMismatchError(
            f"num_samples can grow but not shrink: the folder plans {old.num_samples}, "
            f"asked for {new.num_samples}: give another --out for a smaller set."
        )


def _differing_fields(old: Plan, new: Plan) -> list[str]:
    """Return what the user would name: model, prompts, or single fields of the recipe."""
    there, asked = old.identity(), new.identity()
    different = []
    if there["source"] != asked["source"]:
        inputs = INPUT_NAMES[new.kind]
        different.append(
            f"{inputs} (there {old.source['num_inputs']:,} of {old.source['name']}, "
            f"asked {new.source['num_inputs']:,} of {new.source['name']} with other content)"
        )
    if there["teacher"] != asked["teacher"] and old.teacher.get("name") != new.teacher.get("name"):
        names = [plan.teacher.get("name", "none") for plan in (old, new)]
        different.append(f"model (there {names[0]}, asked {names[1]})")
    else:
        different += differences(there["teacher"], asked["teacher"], "teacher")
    for field in ("format_version", "kind", "seed", "recipe"):
        different += differences(there[field], asked[field], field)
    # Members follow from the teacher and the recipe, so they are news only when those are equal.
    return different or differences(there["members"], asked["members"], "members")


def differences(old: Any, new: Any, name: str = "") -> list[str]:
    """Return `field (there a, asked b)` for every leaf that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted({*old, *new}):
            path = f"{name}.{key}" if name else key
            found += differences(old.get(key), new.get(key), path)
        return found
    return [] if old == new else [f"{name} (there {_short(old)}, asked {_short(new)})"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."

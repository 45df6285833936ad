"""Continue the dataset of a folder: its options, and whether a plan is still the same."""

from collections.abc import Mapping
from typing import Any

from pairgen.errors import PlanMismatchError
from pairgen.option_names import option_text
from pairgen.resolution import AnyOptions, sources_of
from pairgen.types import INPUT_NAMES, Plan
from pairgen.wording import typed_text


def planned_options(
    options: type[AnyOptions], plan: Plan, given: Mapping[str, Any], **defaults: Any
) -> AnyOptions:
    """Return the options that a plan remembers, overridden by the given ones.

    Args:
        options: The options of the plan's kind.
        plan: The plan.
        given: The given options.
        **defaults: Values of options that the plan does not remember.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    there = {**defaults, **plan.resolved["options"]}
    return sources_of(options, given).below("the plan", there).resolved().options


def check_continues(old: Plan, new: Plan) -> None:
    """Check that `new` is the plan `old`, or the same plan with more samples.

    Raises:
        PlanMismatchError: The plans differ; the message names every field, with both values.
    """
    different = _differing_fields(old, new)
    if old.samples_per_shard != new.samples_per_shard:
        different.append(
            f"{option_text('samples_per_shard')} (was {old.samples_per_shard:,}, "
            f"got {new.samples_per_shard:,})"
        )
    if different:
        raise PlanMismatchError(
            "The folder holds another dataset; these differ: " + ", ".join(different) + ". "
            "Give another --out, or leave these options out to keep the folder's."
        )
    if new.num_samples < old.num_samples:
        raise PlanMismatchError(
            f"{option_text('num_samples')} "
            f"can grow but not shrink (was {old.num_samples}, got {new.num_samples}): "
            "give another --out for a smaller dataset."
        )


def _differing_fields(old: Plan, new: Plan) -> list[str]:
    """Return the differences as a user would name them: model, prompts, or recipe fields."""
    before, now = old.identity(), new.identity(old.num_samples)
    gained = [each["source"].pop("additions", []) for each in (before, now)]
    different = []
    if before["source"] != now["source"]:
        inputs = INPUT_NAMES[new.kind]
        different.append(
            f"{option_text(inputs)} (was {old.source['num_inputs']:,} from {old.source['name']}, "
            f"got {new.source['num_inputs']:,} from {new.source['name']} with other content)"
        )
    if before["teacher"] != now["teacher"] and old.teacher.get("name") != new.teacher.get("name"):
        names = [plan.teacher.get("name", "none") for plan in (old, new)]
        different.append(f"{option_text('model')} (was {names[0]}, got {names[1]})")
    else:
        different += differences(before["teacher"], now["teacher"], "teacher")
    for field in ("format_version", "kind", "seed"):
        different += differences(before[field], now[field], option_text(field))
    different += map(as_asked, differences(before["recipe"], now["recipe"]))
    if gained[0] != gained[1]:
        was, got = (len(each) or "nothing" for each in gained)
        different.append(f"how often it has grown, or by what (was {was}, got {got})")
    # Members follow from the teacher and the recipe: report them only if those are equal.
    return different or differences(before["members"], now["members"], "members")


def as_asked(difference: str) -> str:
    """Return a difference of recipes under the name of the option that it came from."""
    name, was, values = difference.partition(" (was ")
    # Those of an annotator stand among the others on the command line.
    name = name.removeprefix("options.")
    return option_text("cfg" if name == "guidance_scales" else name) + was + values


def differences(old: Any, new: Any, name: str = "") -> list[str]:
    """Return `field (was a, got b)` for every leaf that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted({*old, *new}):
            path = f"{name}.{key}" if name else key
            found += differences(old.get(key), new.get(key), path)
        return found
    return [] if old == new else [f"{name} (was {_short(old)}, got {_short(new)})"]


def _short(value: Any) -> str:
    text = typed_text(value)
    return text if len(text) <= 40 else text[:37] + "..."

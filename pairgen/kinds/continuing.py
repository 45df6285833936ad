"""Continue the dataset of a folder: its options, and whether a plan is still the same."""

from collections.abc import Mapping
from typing import Any

from pairgen.errors import FewerAskedError, PlanMismatchError
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
        # Prompts give any number of samples, pictures that are painted one each.
        name, what = ("num_samples", "samples") if new.kind == "ode" else ("num_images", "pictures")
        raise fewer_asked(name, what, old.num_samples, new.num_samples, new.num_samples)


def fewer_asked(
    name: str, what: str, has: int, asked: int, num_slots: int | None = None
) -> FewerAskedError:
    """Return the error of a number that is smaller than a set's, and may grow only.

    Args:
        name: The option's name.
        what: What it counts.
        has: The number of the set.
        asked: The number that was asked for.
        num_slots: Number of the first slots that make up what was asked for; None if they lie
            anywhere in the set.
    """
    return FewerAskedError(
        f"{option_text(name)} can grow but not shrink (was {has:,}, got {asked:,}): give another "
        f"--out for fewer {what}.",
        f"has {has:,} {what} already, {asked:,} {'was' if asked == 1 else 'were'} asked for",
        num_slots,
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

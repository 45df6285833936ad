"""What a set of images gains: more images behind those that it has, or more samples of each."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pairgen.additions import Addition
from pairgen.kinds.continuing import fewer_asked
from pairgen.shards.format.planned_images import is_painted
from pairgen.sources.image_list import ImageSummary
from pairgen.types import Plan


def num_images(plan: Plan) -> int:
    """Return the number of images of a set; of painted pictures, of those that it shows."""
    additions = plan.additions
    if is_painted(plan):
        stop = additions[0].first_slot if additions else plan.num_samples
        first = stop // _first_samples(plan)
        return first + sum(each.num_inputs for each in additions if not each.first_number)
    return sum(images_in_lists(plan))


def samples_per_image(plan: Plan) -> int:
    """Return the number of samples of each image; 0 if that depends on its size."""
    more = sum(each.samples_per_image for each in plan.additions if each.first_number)
    return (_first_samples(plan) if not _is_tiled(plan) else 0) + more


def samples_in_lists(plan: Plan) -> list[int]:
    """Return the number of samples of each image by each list; 0 if that depends on its size."""
    first = 0 if _is_tiled(plan) else _first_samples(plan)
    return [first, *(each.samples_per_image for each in plan.listed_additions)]


def images_in_lists(plan: Plan) -> list[int]:
    """Return the number of images of each list."""
    return [int(plan.source["num_inputs"]), *(each.num_inputs for each in plan.listed_additions)]


def with_samples_per_image(plan: Plan, number: int) -> Plan:
    """Return a plan with so many samples of each of its images, the further ones behind the others.

    Raises:
        FewerAskedError: It has more already.
    """
    before, images = samples_per_image(plan), num_images(plan)
    if number < before:
        raise fewer_asked("samples_per_image", "samples of each image", before, number)
    if number == before:
        return plan
    more = Addition(
        first_slot=plan.num_samples,
        first_row=0,
        num_inputs=images,
        samples_per_image=number - before,
        first_number=before,
    )
    return _with(plan, more, images * (number - before))


def with_images(plan: Plan, name: str, summary: ImageSummary) -> Plan:
    """Return a plan with further images, behind those that it has.

    Args:
        plan: The plan.
        name: Where they come from.
        summary: What their list holds, with as many samples of each as `samples_per_image` says.
    """
    more = Addition(
        first_slot=plan.num_samples,
        first_row=num_images(plan),
        num_inputs=summary.num_accepted,
        samples_per_image=samples_per_image(plan),
        sha256=summary.sha256,
        name=name,
    )
    return _with(plan, more, summary.num_slots)


def with_pictures(plan: Plan, number: int) -> Plan:
    """Return a plan with so many painted pictures.

    The number of those that a set began with is no part of what it is: without additions it grows.

    Raises:
        FewerAskedError: It has more already.
    """
    before, each = num_images(plan), samples_per_image(plan) or 1
    more = number - before
    if more < 0:
        raise fewer_asked("num_images", "pictures", before, number)
    if not more:
        return plan
    if not plan.additions:
        return replace(plan, num_samples=number * each)
    addition = Addition(
        first_slot=plan.num_samples,
        first_row=before,
        num_inputs=more,
        samples_per_image=each,
    )
    return _with(plan, addition, more * each)


def with_rejected(plan: Plan, described: Mapping[str, Any]) -> Plan:
    """Return a plan with what was rejected of all images given, old and new."""
    counts = {name: described[name] for name in ("num_rejected", "num_skipped")}
    return replace(plan, source={**plan.source, **counts})


def gained(plan: Plan) -> dict[str, Any]:
    """Return the entry of a plan's `source` for what the set has gained; empty without."""
    return {"additions": plan.source["additions"]} if plan.additions else {}


def _with(plan: Plan, addition: Addition, num_slots: int) -> Plan:
    additions = [*(each.to_dict() for each in plan.additions), addition.to_dict()]
    return replace(
        plan,
        num_samples=plan.num_samples + num_slots,
        source={**plan.source, "additions": additions},
    )


def _is_tiled(plan: Plan) -> bool:
    return plan.kind == "degrade" and not is_painted(plan) and plan.recipe["crops"] == "tiled"


def _first_samples(plan: Plan) -> int:
    """Return the number of samples of each image that a set began with; 1 for tiles, and images."""
    return int(plan.recipe.get("samples_per_image") or 1)

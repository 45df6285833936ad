"""Describe how a plan's samples are made, for cards and `pairgen inspect`."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from pairgen.kinds.maker import maker_name
from pairgen.shards.format.slots import CAPTION_CHOICE
from pairgen.types import Plan, canonical_json
from pairgen.wording import counted, label_text


def describe_plan(plan: Plan) -> list[tuple[str, Any]]:
    """Return how a plan's samples are made, as (name, value), without what is not used."""
    kinds = {"ode": _what_sampled, "degrade": _what_degraded, "collect": _what_collected}
    rows = kinds.get(maker_name(plan), _what_else)(plan)
    return [(name, value) for name, value in rows if value not in ("", (), [], {}, None)]


def _what_else(plan: Plan) -> list[tuple[str, Any]]:
    recipe = dict(plan.recipe)
    if options := recipe.get("options"):
        recipe["options"] = {name: value for name, value in options.items() if value != ""}
    model = plan.teacher.get("name") or _public_name(plan.teacher.get("location", ""))
    return [
        *((label_text(name), value) for name, value in recipe.items()),
        ("model", model),
        ("seed", plan.seed),
        ("fingerprint", plan.fingerprint()),
    ]


def _what_degraded(plan: Plan) -> list[tuple[str, Any]]:
    recipe, operations = plan.recipe, plan.recipe["operations"]
    steps = operations.get("nested")
    each_level = f"for level 1/{min(recipe['levels'])}" if steps else "once a level"
    cut = "whole decoded latents"
    if plan.kind == "degrade":
        cut = f"{recipe['crop']} px, {recipe['crops']} crops"
    return [
        ("degradation", recipe["degradation"]),
        ("levels", ", ".join(f"1/{level}" for level in recipe["levels"])),
        ("levels made from", "the stored one before; the first from HR" if steps else ""),
        ("HR", f"{cut}, {recipe['hr_format']}"),
        ("least sharpness", recipe["min_sharpness"] or None),
        ("operations, once a sample", canonical_json(operations.get("shared"))),
        (f"operations, {each_level}", canonical_json(operations["levels"])),
        ("operations, from level to level", canonical_json(steps) if steps else ""),
        *_what_images(plan),
    ]


def _what_collected(plan: Plan) -> list[tuple[str, Any]]:
    recipe = plan.recipe
    enlarged = ", small images enlarged" if recipe["enlarge"] else ""
    is_pair = recipe["layout"] == "pairs"
    return [
        ("image", f"{_what_size(recipe)}, {recipe['crop']} crop, {recipe['format']}"),
        ("pairs", f"LR at 1/{recipe['scale']}, never resized" if is_pair else ""),
        ("resized by", "" if is_pair else f"{recipe['filter']}{enlarged}"),
        ("mirrored", "with probability 1/2" if recipe["flip"] else ""),
        ("least shorter side", f"{recipe['min_size']} px" if recipe["min_size"] > 1 else ""),
        ("least sharpness", recipe["min_sharpness"] or None),
        *_what_images(plan),
    ]


def _what_size(recipe: Mapping[str, Any]) -> str:
    """Return the size of collected images: of squares, of one bucket, or of several."""
    shapes = [f"{width} x {height}" for width, height in recipe.get("buckets", ())]
    if len(shapes) == 1:
        return f"{shapes[0]} px, a bucket of {recipe['size']} px"
    return (
        f"{counted(len(shapes), 'bucket')} of {recipe['size']} px"
        if shapes
        else f"{recipe['size']} px"
    )


def _what_images(plan: Plan) -> list[tuple[str, Any]]:
    """Return where the images of a plan come from, and what draws from them."""
    return [
        ("seed", plan.seed),
        ("generator", plan.recipe["generator"]),
        # The inputs of an overlay are those of its parent: prompts, not images.
        ("images", "" if plan.kind == "overlay" else _which_images(plan)),
        ("captions of images with several", plan.recipe.get(CAPTION_CHOICE)),
        ("images decoded by", plan.teacher.get("name", "")),
        *_identity("images", plan),
        ("parent", plan.recipe.get("parent")),
        ("fingerprint", plan.fingerprint()),
    ]


def _which_images(plan: Plan) -> str:
    num, name = f"{plan.source['num_inputs']:,}", plan.source.get("name", "a folder")
    if painted := plan.recipe.get("painted"):
        first = f"painted by {name}: {num} compositions of the split {painted['split']}"
    else:
        first = f"{num} from {name}"
    return "; ".join([first, *(each.told for each in plan.additions)])


def _what_sampled(plan: Plan) -> list[tuple[str, Any]]:
    recipe = plan.recipe
    return [
        ("teacher", plan.teacher.get("name") or plan.teacher["module"]),
        ("weights", _public_name(plan.teacher.get("location", ""))),
        *_identity("teacher", plan),
        ("solver", recipe["solver"]),
        ("grid", f"{recipe['spacing']}, {counted(recipe['steps'], 'step')}, end {recipe['end']}"),
        ("end points", plan.resolved.get("end_points")),
        ("times visited", plan.resolved.get("times", ())),
        ("guidance scales", recipe["guidance_scales"]),
        ("negative prompt", recipe["negative_prompt"]),
        ("stored trajectory", recipe["trajectory"]),
        ("seed", plan.seed),
        ("noise", f"{recipe['noise']}, generator {recipe['noise_generator']}"),
        ("prompts", f"{plan.source['num_inputs']:,} from {plan.source.get('name', 'a file')}"),
        ("fingerprint", plan.fingerprint()),
    ]


def _identity(what: str, plan: Plan) -> list[tuple[str, Any]]:
    """Return what says which model a plan's teacher is."""
    found = plan.teacher.get("identity", {})
    return [(f"{what} {label_text(name)}", value) for name, value in found.items()]


def _public_name(location: str) -> str:
    """Return a hub id as is, and only the name of a local folder: cards are published."""
    return PurePath(location).name if PurePath(location).is_absolute() else location

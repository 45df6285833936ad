"""The plans of `pairgen degrade`: of a dataset, and of an overlay of the set it degrades."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pairgen.kinds.degrade.options import DegradeConfig
from pairgen.kinds.degrade.overlay_options import FIXED
from pairgen.kinds.degrade.pyramid import Preset
from pairgen.kinds.images.caption_choice import choice_keys, choice_recipe
from pairgen.kinds.images.decoded_samples import describe_decoded
from pairgen.kinds.images.painted_plan import painted_recipe
from pairgen.seeding import DRAW_GENERATOR
from pairgen.shards.format.draw_columns import draw_columns
from pairgen.shards.overlays.overlay import overlay_plan
from pairgen.sources.photographs import ImageSize
from pairgen.types import Plan

CROP_KEYS = ("image", "image_row", "crop_number", "top", "left")
# Of an overlay too, whose HR is no crop.
FACT_KEYS = ("index", "seed", "generator", "image_crc32", "sharpness", "draw")


def make_degrade_plan(
    config: DegradeConfig,
    preset: Preset,
    source: dict[str, Any],
    num_slots: int,
    teacher: Mapping[str, Any],
) -> Plan:
    """Return the plan of a degradation run.

    Args:
        config: The checked options.
        preset: The preset that `degradation` resolved to.
        source: The return value of `image_source` or `painted_source`.
        num_slots: Number of samples that the images give.
        teacher: The `teacher` of `DecodedSamples` if those are the images, else empty.
    """
    size = ImageSize(config.crop, config.crop)
    # Only painted pictures bring tags along.
    counts = {"txt": source["num_captions"], "tag.txt": source.get("num_tags")}
    texts = [name for name, num in counts.items() if num]
    return Plan(
        kind="degrade",
        seed=config.seed,
        num_samples=num_slots,
        samples_per_shard=config.samples_per_shard,
        source=source,
        teacher=teacher,
        recipe={
            **_recipe(config, preset),
            **painted_recipe(config, source),
            **choice_recipe(config),
        },
        members=_members(config, size, (*FACT_KEYS, *CROP_KEYS, *choice_keys(config)), texts),
        execution=_execution(config),
        resolved=_resolved(config, preset),
    )


def make_joint_plan(config: DegradeConfig, preset: Preset, parent: Plan, parent_url: str) -> Plan:
    """Return the plan of the overlay that adds HR and LR to the samples of an ODE dataset.

    Args:
        config: The checked options.
        preset: The preset that `degradation` resolved to.
        parent: The plan of the ODE dataset, see `describe_decoded`.
        parent_url: Where that dataset lies.

    Raises:
        ConfigError: The dataset has one of the members or columns already.
        TeacherLoadError: The teacher's decoder is not where the dataset's plan says.
    """
    decoded = describe_decoded(parent)
    recipe = {each: it for each, it in _recipe(config, preset).items() if each not in FIXED}
    resolved = _resolved(config, preset)
    options = {each: it for each, it in resolved["options"].items() if each not in FIXED}
    return overlay_plan(
        parent,
        parent_url,
        _members(config, decoded.size, FACT_KEYS, texts=()),
        {"maker": "degrade", **recipe},
        teacher=decoded.teacher,
        execution=_execution(config),
        resolved={**resolved, "options": options},
    )


def _recipe(config: DegradeConfig, preset: Preset) -> dict[str, Any]:
    return {
        "degradation": preset.name,
        "operations": dict(preset.recipe),
        "levels": list(config.stored_levels),
        "crop": config.crop,
        "crops": config.crops,
        "samples_per_image": config.samples_per_image if config.crops == "random" else 0,
        "min_sharpness": config.min_sharpness,
        "max_aspect": config.max_aspect,
        "hr_format": config.hr_format,
        "generator": DRAW_GENERATOR,
        "pixel_path": config.pixel_path,
    }


def _resolved(config: DegradeConfig, preset: Preset) -> dict[str, Any]:
    return {
        "options": config.remembered(),
        "index_columns": list(draw_columns(preset.draw_every())),
    }


def _execution(config: DegradeConfig) -> dict[str, Any]:
    batch_size = {"batch_size": config.batch_size} if config.pixel_path == "torch" else {}
    return {"cpu_threads": config.cpu_threads, **batch_size}


def _members(
    config: DegradeConfig, size: ImageSize, keys: Iterable[str], texts: Sequence[str]
) -> dict[str, Any]:
    """Return the members of every sample: a mapping from extension to dtype and shape."""
    members: dict[str, Any] = {"json": {"keys": sorted(keys)}}
    members |= {name: {} for name in texts}
    levels = {config.hr_format.removesuffix("-lossless"): 1}
    levels |= {f"lr{level}.png": level for level in config.stored_levels}
    for name, level in levels.items():
        shape = [size.height // level, size.width // level, 3]
        members[name] = {"dtype": "uint8", "shape": shape}
    return members

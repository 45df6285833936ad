"""The plan of `pairgen degrade`."""

from collections.abc import Mapping
from typing import Any

from pairgen.kinds.degrade.options import DegradeConfig
from pairgen.kinds.degrade.pyramid import Preset
from pairgen.kinds.images.painted_plan import painted_recipe
from pairgen.seeding import DRAW_GENERATOR
from pairgen.shards.format.draw_columns import draw_columns
from pairgen.types import Plan

FACT_KEYS = (
    "index",
    "seed",
    "generator",
    "image",
    "image_row",
    "image_crc32",
    "crop_number",
    "top",
    "left",
    "sharpness",
    "draw",
)


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
    recipe = {
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
        **painted_recipe(config, source),
    }
    return Plan(
        kind="degrade",
        seed=config.seed,
        num_samples=num_slots,
        samples_per_shard=config.samples_per_shard,
        source=source,
        teacher=teacher,
        recipe=recipe,
        members=_members(config, source),
        execution=_execution(config),
        resolved={
            "options": config.remembered(),
            "index_columns": list(draw_columns(preset.draw_every())),
        },
    )


def _execution(config: DegradeConfig) -> dict[str, Any]:
    batch_size = {"batch_size": config.batch_size} if config.pixel_path == "torch" else {}
    return {"cpu_threads": config.cpu_threads, **batch_size}


def _members(config: DegradeConfig, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of every sample: a mapping from extension to dtype and shape."""
    members: dict[str, Any] = {"json": {"keys": sorted(FACT_KEYS)}}
    if source["num_captions"]:
        members["txt"] = {}
    # Only painted pictures bring tags along.
    if source.get("num_tags"):
        members["tag.txt"] = {}
    sizes = {config.hr_format.removesuffix("-lossless"): config.crop}
    sizes |= {f"lr{level}.png": config.crop // level for level in config.stored_levels}
    for extension, size in sizes.items():
        members[extension] = {"dtype": "uint8", "shape": [size, size, 3]}
    return members

"""The plan of `pairgen collect`; with buckets, what the plans of all sub-sets come from."""

from collections.abc import Mapping
from typing import Any

from pairgen.kinds.collect.buckets import as_lists, bucket_shapes
from pairgen.kinds.collect.geometry import FILTER
from pairgen.kinds.collect.options import CollectConfig
from pairgen.kinds.images.caption_choice import choice_keys, choice_recipe
from pairgen.kinds.images.painted_plan import painted_recipe
from pairgen.labels import ClassLabels
from pairgen.seeding import DRAW_GENERATOR
from pairgen.shards.format.subsets import BUCKETS
from pairgen.sources.painted.names import PAINTED
from pairgen.types import Plan

FACT_KEYS = (
    "index",
    "seed",
    "generator",
    "image",
    "image_row",
    "source_width",
    "source_height",
    "image_crc32",
    "resized_width",
    "resized_height",
    "top",
    "left",
    "flip",
    "sharpness",
)


# Of samples that hold two images.
PARTNER_KEYS = ("partner_image", "partner_crc32")
SHIFT_KEYS = ("shift_x", "shift_y")


def make_collect_plan(
    config: CollectConfig,
    layout: str,
    source: dict[str, Any],
    num_slots: int,
    teacher: Mapping[str, Any],
) -> Plan:
    """Return the plan of a set of real images.

    Args:
        config: The checked options.
        layout: What a sample is: `images`, `pairs` or `edits`.
        source: The return value of `image_source` or `painted_source`, with `num_classes`, 0
            without labels, `num_tags`, and, for format `keep`, `kept`, the member of the files.
        num_slots: Number of samples that the images give.
        teacher: The `teacher` of `DecodedSamples` if those are the images, else empty.
    """
    recipe = {
        "layout": layout,
        **({"scale": config.scale} if layout == "pairs" else {}),
        "size": config.size,
        **({BUCKETS: as_lists(bucket_shapes(config.size))} if config.bucket else {}),
        "crop": config.crop,
        "enlarge": config.enlarge,
        "flip": config.flip,
        "min_size": config.min_size,
        "min_sharpness": config.min_sharpness,
        "max_aspect": config.max_aspect,
        "format": config.format,
        "filter": FILTER,
        "generator": DRAW_GENERATOR,
        **painted_recipe(config, source),
        **choice_recipe(config),
    }
    return Plan(
        kind="collect",
        seed=config.seed,
        num_samples=num_slots,
        samples_per_shard=config.samples_per_shard,
        source=source,
        teacher=teacher,
        recipe=recipe,
        members=_members(config, layout, source),
        execution={"cpu_threads": config.cpu_threads},
        resolved={"options": config.remembered()},
    )


def _members(config: CollectConfig, layout: str, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of every sample: a mapping from extension to dtype and shape."""
    keys = [*FACT_KEYS, *choice_keys(config)]
    keys += ["class_label"] if source["num_classes"] else []
    keys += PARTNER_KEYS if layout != "images" else ()
    keys += SHIFT_KEYS if layout == "pairs" else ()
    members: dict[str, Any] = {"json": {"keys": sorted(keys)}}
    if source["num_captions"]:
        members["txt"] = {}
    if source["num_tags"]:
        members["tag.txt"] = {}
    if source["num_classes"]:
        members["cls"] = ClassLabels(num_classes=source["num_classes"]).to_dict()
    image = source["kept"] if config.format == "keep" else config.format
    members[image] = _rgb(config.size)
    if layout == "pairs":
        members[f"lr{config.scale}.png"] = _rgb(config.size // config.scale)
    elif layout == "edits":
        members["src.png"] = _rgb(config.size)
    elif source["name"] == PAINTED:
        members["mask.png"] = {"dtype": "uint8", "shape": [config.size, config.size, 1]}
    return members


def _rgb(side: int) -> dict[str, Any]:
    return {"dtype": "uint8", "shape": [side, side, 3]}

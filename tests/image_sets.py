"""Sets of images for tests: every pixel tells where it lies, written by the real writer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pairgen.seeding import DRAW_GENERATOR
from pairgen.shards.format.image_encoding import encode_image
from pairgen.shards.format.image_member import is_image
from pairgen.shards.format.plan_file import write_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan, Sample
from tests.small_sets import make_plan, overlay_plan, write_shard

HEIGHT, WIDTH = 48, 64
LEVELS = (2, 4)

# Takes a member, its spec and the sample's index; returns pixels, or the encoded image.
PixelsOf = Callable[[str, Mapping[str, Any], int], np.ndarray | bytes]


def rgb(height: int, width: int) -> dict[str, Any]:
    """Return the spec of an RGB image."""
    return {"dtype": "uint8", "shape": [height, width, 3]}


def one_channel(height: int, width: int, dtype: str = "uint8") -> dict[str, Any]:
    """Return the spec of an image of one channel."""
    return {"dtype": dtype, "shape": [height, width, 1]}


def conditions(height: int = HEIGHT, width: int = WIDTH) -> dict[str, Any]:
    """Return the specs of condition images, of 8 and of 16 bits."""
    return {
        "canny.png": one_channel(height, width),
        "mask.png": one_channel(height, width),
        "depth.png": one_channel(height, width, "uint16"),
    }


def image_plan(
    height: int = HEIGHT,
    width: int = WIDTH,
    levels: Sequence[int] = LEVELS,
    num_samples: int = 12,
    members: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the plan of a set with HR, levels and conditions, in shards of 4 samples."""
    images = {"png": rgb(height, width), **conditions(height, width)}
    images |= {f"lr{level}.png": rgb(height // level, width // level) for level in levels}
    return replace(
        make_plan(num_samples=num_samples, samples_per_shard=4),
        kind="degrade",
        teacher={},
        recipe={
            "generator": DRAW_GENERATOR,
            "degradation": "bicubic",
            "operations": {"levels": [{"resize_to_target": {}}]},
            "levels": sorted(levels),
            "crop": width,
            "crops": "random",
            "hr_format": "png",
        },
        members={"json": {"keys": ["index", "seed"]}, **images, **(members or {})},
        resolved={},
    )


def image_overlay_plan(parent: Plan) -> Plan:
    """Return the plan of an overlay that adds condition images."""
    return overlay_plan(parent, members={"json": {"keys": ["index", "seed"]}, **conditions()})


def pixels(spec: Mapping[str, Any], index: int) -> np.ndarray:
    """Return the image of a sample: its values tell row, column and sample."""
    height, width, channels = spec["shape"]
    rows, columns = np.mgrid[:height, :width]
    if channels == 3:
        return np.stack([rows, columns, np.full_like(rows, index)], axis=-1).astype(np.uint8)
    highest = np.iinfo(spec["dtype"]).max
    values = (1000 * rows + 7 * columns + index) % (highest + 1)
    return values.astype(spec["dtype"])[..., None]


def write_images(
    root: Path, plan: Plan, pixels_of: PixelsOf = lambda _, spec, index: pixels(spec, index)
) -> str:
    """Write a set or an overlay of images; return its URL."""
    store = LocalStore(root)
    write_plan(store, plan)
    for task in plan.tasks():
        samples = []
        for index in range(task.start, task.stop):
            fields: dict[str, Any] = {}
            for name, spec in plan.members.items():
                if is_image(name):
                    found = pixels_of(name, spec, index)
                    fields[name] = found if isinstance(found, bytes) else encode_image(found, "png")
                elif name == "txt":
                    fields[name] = f"image {index}"
                elif name != "json":
                    fields[name] = np.full(spec["shape"], index, spec["dtype"])
            facts = {"index": index, "seed": plan.seed}
            samples.append(Sample(index=index, fields=fields, facts=facts))
        write_shard(store, task, samples)
    return store.url

"""Sets to annotate, and the overlays of them, for tests."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipt
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan, Sample
from tests.image_sets import image_plan, rgb, write_images
from tests.runs import samples
from tests.small_sets import write_shard

SIDE = 32


def picture_plan(num_samples: int = 10, levels: tuple[int, ...] = (2, 4)) -> Plan:
    """Return the plan of a set of pictures with LR levels and captions, in shards of 4."""
    sizes = {"png": SIDE, **{f"lr{level}.png": SIDE // level for level in levels}}
    members = {name: rgb(size, size) for name, size in sizes.items()}
    plan = image_plan(num_samples=num_samples)
    return replace(plan, members={"json": {"keys": ["index", "seed"]}, "txt": {}, **members})


def picture(_: str, spec: Mapping[str, Any], index: int) -> np.ndarray:
    """Return a picture with edges and flat parts, another one for each sample and member."""
    height, width, _ = spec["shape"]
    generator = np.random.default_rng([index, height])
    found = np.full((height, width, 3), generator.integers(256, size=3), np.uint8)
    for _ in range(4):
        center = generator.integers(0, width, 2).tolist()
        color = generator.integers(256, size=3).tolist()
        cv2.circle(found, center, int(generator.integers(2, 1 + width // 3)), color, -1)
    return found


def write_pictures(root: Path, plan: Plan | None = None) -> Path:
    """Write a set of pictures; return its folder."""
    write_images(root, plan or picture_plan(), picture)
    return root


def write_again(root: Path, shard_index: int, shift: int, plan: Plan | None = None) -> None:
    """Make a shard of a set of pictures again, of other samples: those `shift` further on."""
    store = LocalStore(root)
    if plan is not None:
        write_plan(store, plan)
    plan = read_plan(store)
    task = plan.tasks()[shard_index]
    beside = root.parent / f"shifted-{shift}-{shard_index}"
    write_images(beside, replace(plan, num_samples=plan.num_samples + shift), picture)
    found = samples(beside)
    for path in (layout.receipt_path, layout.shard_path, layout.index_path):
        store.remove(path(shard_index))
    fields = [
        {name: value for name, value in found[i + shift].items() if name != "json"}
        for i in range(task.start, task.stop)
    ]
    made = [
        Sample(index=i, fields=each, facts={"index": i, "seed": plan.seed})
        for i, each in zip(range(task.start, task.stop), fields, strict=True)
    ]
    made = [
        replace(each, fields={**each.fields, "txt": each.fields["txt"].decode()}) for each in made
    ]
    write_shard(store, task, made)


def failed(root: Path) -> dict[int, str]:
    """Return the slots of a set without a sample, and why."""
    store = LocalStore(root)
    shards = range(read_plan(store).num_shards)
    receipts = (read_receipt(store, shard) for shard in shards)
    return {slot.index: slot.reason for receipt in receipts for slot in receipt.failed}

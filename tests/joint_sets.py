"""Pair sets that get HR and LR, for tests: of the closed-form teacher, whose images have 16 px."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

import pairgen
from pairgen.jobs.repair.withdraw import withdraw
from pairgen.receipts import FailedSlot
from pairgen.shards.format.codec import decode_member
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.reader import map_file, read_samples
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Sample
from tests.small_sets import write_shard

PAIRS = {
    "model": "gaussian",
    "steps": 4,
    "num_samples": 10,
    "samples_per_shard": 4,
    "seed": 7,
    "executor": "serial",
}
DEGRADED = {"scales": "4", "degradation": "realesrgan-light", "executor": "serial"}


def make_pairs(out: Path, **options: object) -> Path:
    """Make a pair set; return its folder."""
    assert pairgen.ode(out=str(out), **(PAIRS | options)).complete
    return out


def joint_of(parent: Path) -> Path:
    return Path(f"{parent}.annotations/degraded")


def add_images(parent: Path, **options: object) -> Path:
    """Add HR and LR to the samples of a pair set; return the overlay's folder."""
    manifest = pairgen.degrade(from_ode=str(parent), overlay=True, **(DEGRADED | options))
    assert manifest.complete
    return Path(str(options.get("out", joint_of(parent))))


def remake(parent: Path, shard: int, scale: float = 1.0, failed: Collection[int] = ()) -> None:
    """Make a shard of a pair set again, with scaled latents and without some samples."""
    store = LocalStore(parent)
    task = read_plan(store).tasks()[shard]
    samples = []
    with map_file(parent / f"train/{shard:05d}.tar") as view:
        for stored in read_samples(view):
            fields = {name: decode_member(name, bytes(it)) for name, it in stored.members.items()}
            stored.members.clear()
            facts = fields.pop("json")
            latent = fields["latent.npy"]
            fields["latent.npy"] = (latent * latent.dtype.type(scale)).astype(latent.dtype)
            fields = {
                name: np.array(it) if isinstance(it, np.ndarray) else it
                for name, it in fields.items()
            }
            samples.append(Sample(index=int(stored.key), fields=fields, facts=facts))
    withdraw(store, [shard])
    reasons = [FailedSlot(index=index, reason="not finite") for index in failed]
    write_shard(store, task, [each for each in samples if each.index not in failed], reasons)

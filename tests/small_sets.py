"""Small datasets on disk for tests: made by the real writer, whole or wrong in one chosen way."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pairgen.receipts import FailedSlot, Receipt
from pairgen.seeding import NOISE_GENERATOR, array_crc32, noise_for
from pairgen.shards.format import layout
from pairgen.shards.format.index import encode_index, index_row
from pairgen.shards.format.plan_file import write_plan
from pairgen.shards.format.publish import publish
from pairgen.shards.format.slots import Slot, slot_at, slot_facts
from pairgen.shards.format.writer import ShardWriter
from pairgen.shards.overlays.overlay import open_layer
from pairgen.shards.overlays.parent_shards import overlay_tasks
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store
from pairgen.sources.prompts import collect_prompts
from pairgen.types import Plan, Sample, ShardTask

LATENT_SHAPE = (4, 8, 8)
PROMPTS = ["a red fox in fresh snow", "日本の庭園, spring 🌸", "Ein Haus am See", "x" * 300, "owl"]
MADE = {
    "batch_size": 4,
    "dtype": "float32",
    "cpu_threads": 1,
    "compile": False,
    "device": "cpu x86_64",
    "host": "somewhere",
    "seconds": 1.5,
    "versions": {"pairgen": "0.1.0", "torch": "2.6.0"},
}
FACT_KEYS = [
    "float32_retry",
    "group",
    "guidance_scale",
    "index",
    "noise_crc32",
    "noise_generator",
    "pair_index",
    "prompt_index",
    "prompt_truncated",
    "seed",
]

NoiseOf = Callable[[Plan, Slot], np.ndarray]
# Takes the shard index and its samples, returns what is written instead.
Edit = Callable[[int, list[Sample]], list[Sample]]


def make_plan(
    num_samples: int = 24,
    samples_per_shard: int = 8,
    guidance_scales: Sequence[float] = (7.5,),
    noise: str = "stored",
    recipe: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the plan of a small set, 3 shards of 8 samples unless told otherwise."""
    array = {"dtype": "float16", "shape": list(LATENT_SHAPE)}
    members: dict[str, Any] = {"txt": {}, "json": {"keys": FACT_KEYS}, "latent.npy": array}
    if noise == "stored":
        members["noise.npy"] = dict(array)
    return Plan(
        kind="ode",
        seed=5,
        num_samples=num_samples,
        samples_per_shard=samples_per_shard,
        source={"name": "prompts.txt", "sha256": "", "num_inputs": len(PROMPTS)}
        | {"num_blank": 2, "num_rejected": 1},
        teacher={
            "name": "gaussian",
            "module": "gaussian",
            "location": "",
            "options": {},
            "identity": {"num_modes": 24},
        },
        recipe={
            "solver": "ddim",
            "spacing": "trailing",
            "steps": 4,
            "end": "t0",
            "guidance_scales": list(guidance_scales),
            "negative_prompt": "",
            "trajectory": [],
            "noise": noise,
            "noise_generator": NOISE_GENERATOR,
            "stored_dtype": "float16",
            "store_embeddings": False,
            **(recipe or {}),
        },
        members=members,
        execution={"batch_size": 4, "dtype": "float32", "cpu_threads": 1, "compile": False},
        resolved={"times": [999.0, 749.0, 499.0, 249.0, 0.0]},
    )


def planned_noise(plan: Plan, slot: Slot) -> np.ndarray:
    """Return the right noise of a slot."""
    return noise_for(plan.seed, slot.pair_index, LATENT_SHAPE, "float16")


def make_sample(plan: Plan, index: int, noise_of: NoiseOf = planned_noise) -> Sample:
    """Return the sample of a slot; its latent is half its noise."""
    slot = slot_at(plan, index)
    noise = noise_of(plan, slot)
    fields: dict[str, Any] = {"txt": PROMPTS[slot.prompt_index], "latent.npy": noise / 2}
    if plan.recipe["noise"] == "stored":
        fields["noise.npy"] = noise
    facts = {
        **slot_facts(plan, slot),
        "noise_crc32": array_crc32(noise),
        "prompt_truncated": False,
        "float32_retry": False,
    }
    return Sample(index=index, fields=fields, facts=facts)


def write_shard(
    store: Store,
    task: ShardTask,
    samples: Sequence[Sample],
    failed: Sequence[FailedSlot] = (),
    made: Mapping[str, Any] | None = None,
) -> Receipt:
    """Write a shard as a worker does, and return the receipt that stands."""
    spooled = store.spool(f"{task.shard_index:05d}.tar")
    with ShardWriter(spooled) as writer:
        rows = [index_row(s, task.shard_index, writer.write(s)) for s in samples]
    index = encode_index(rows) if rows else b""
    receipt = Receipt(
        shard_index=task.shard_index,
        start=task.start,
        stop=task.stop,
        count=len(rows),
        num_bytes=writer.num_bytes if rows else 0,
        sha256=writer.sha256 if rows else "",
        index_sha256=hashlib.sha256(index).hexdigest() if rows else "",
        fingerprint=task.fingerprint,
        failed=tuple(failed),
        made={**MADE, **(made or {})},
        parent_sha256=task.parent_sha256,
    )
    return publish(store, task, spooled, index, receipt)


def write_set(
    root: Path,
    plan: Plan | None = None,
    noise_of: NoiseOf = planned_noise,
    edit: Edit = lambda _, samples: samples,
    failed: Mapping[int, str] | None = None,
) -> LocalStore:
    """Write a whole dataset.

    Args:
        root: Its folder.
        plan: From `make_plan`; its source's hash is filled in.
        noise_of: The noise of each slot.
        edit: Changes the samples of a shard before they are written.
        failed: Slots without a sample, and why.
    """
    store = LocalStore(root)
    failed = failed or {}
    plan = plan or make_plan()
    (root / layout.PROMPTS).parent.mkdir(parents=True)
    summary = collect_prompts(iter(PROMPTS), root / layout.PROMPTS)
    plan = replace(plan, source={**plan.source, "sha256": summary.sha256})
    write_plan(store, plan)
    for task in plan.tasks():
        slots = range(task.start, task.stop)
        samples = [make_sample(plan, index, noise_of) for index in slots if index not in failed]
        reasons = [FailedSlot(index=i, reason=failed[i]) for i in slots if i in failed]
        write_shard(store, task, edit(task.shard_index, samples), reasons)
    return store


def overlay_plan(parent: Plan, **changes: Any) -> Plan:
    """Return the plan of an overlay that adds a score and a tag to every sample."""
    score = {"dtype": "float32", "shape": [2]}
    fields = {
        "kind": "overlay",
        "teacher": {},
        "recipe": {"parent": parent.fingerprint()},
        "members": {"json": {"keys": ["index", "seed"]}, "score.npy": score, "tag.txt": {}},
        "resolved": {},
    }
    return replace(parent, **{**fields, **changes})


def overlay_sample(plan: Plan, index: int) -> Sample:
    """Return the sample that an overlay adds to a slot: the members and facts of its plan."""
    fields = {"score.npy": np.float32([index, 1]), "tag.txt": f"tag {index}"}
    facts = {"index": index, "seed": plan.seed, "points": index % 5, "sharpness": index / 8}
    return Sample(
        index=index,
        fields={name: value for name, value in fields.items() if name in plan.members},
        facts={name: facts[name] for name in plan.members["json"]["keys"]},
    )


def write_overlay(
    root: Path,
    plan: Plan,
    first_key: int = 0,
    missing: Collection[int] = (),
    parent: Store | None = None,
    shards: Collection[int] | None = None,
) -> str:
    """Write an overlay and return its URL.

    Args:
        root: Its folder.
        plan: From `overlay_plan`.
        first_key: Key of the first sample; another than 0 belongs to no slot of the plan.
        missing: Slots without a sample.
        parent: The parent, to record the hashes of its shards; None to record none.
        shards: Shards to write; None for all.
    """
    store = LocalStore(root)
    write_plan(store, plan)
    tasks = plan.tasks() if parent is None else overlay_tasks(plan, open_layer(parent))
    for task in tasks if shards is None else [tasks[shard] for shard in shards]:
        slots = range(task.start, task.stop)
        samples = [overlay_sample(plan, index) for index in slots if index not in missing]
        samples = [replace(sample, index=sample.index + first_key) for sample in samples]
        failed = [FailedSlot(index=i, reason="no tag") for i in slots if i in missing]
        write_shard(store, task, samples, failed)
    return store.url


def flip_byte(path: Path, offset: int) -> None:
    """Turn all bits of one byte of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)


def receipt_of(task: ShardTask, failed: tuple[FailedSlot, ...] = ()) -> Receipt:
    """Return the receipt of a task whose shard nobody made."""
    return Receipt(
        shard_index=task.shard_index,
        start=task.start,
        stop=task.stop,
        count=task.num_slots - len(failed),
        num_bytes=1000,
        sha256="a" * 64,
        index_sha256="b" * 64,
        fingerprint=task.fingerprint,
        failed=failed,
        made={"device": "cpu", "versions": {"torch": "2.6.0"}},
    )

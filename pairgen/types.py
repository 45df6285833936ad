"""The records that pairgen passes around: what is to be made, and what was made.

All are frozen and turn into plain JSON and back. Nothing here reads a file or imports torch.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

FORMAT_VERSION = 1
# What the inputs of each kind of dataset are called.
INPUT_NAMES = {"ode": "prompts", "degrade": "images"}

# What a member of a sample may hold: an array (`.npy`), encoded bytes (`png`, `jpg`), or text.
Field = np.ndarray | bytes | str
Facts = Mapping[str, Any]


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, UTF-8 kept as it is.

    Raises:
        ValueError: `value` holds NaN or infinity.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """A range of slots that becomes one tar. Cheap to ship, safe to repeat.

    Attributes:
        shard_index: Number of the shard; its file is `train/{shard_index:05d}.tar`.
        start: First slot.
        stop: One past the last slot.
        fingerprint: Of the plan that the task belongs to.
    """

    shard_index: int
    start: int
    stop: int
    fingerprint: str

    @property
    def num_slots(self) -> int:
        """Number of slots in the task."""
        return self.stop - self.start


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a dataset is. Two equal fingerprints mean the same sample in every slot.

    Attributes:
        kind: The job that makes it: `ode`, `degrade`; `overlay` for added members.
        seed: Seed of the dataset, in [0, 2^63).
        num_samples: Number of slots; can grow later, so it is not part of the identity.
        samples_per_shard: Slots in a shard; fixed by the folder.
        source: Where inputs come from. Only its `sha256` and `num_inputs` are identity.
        teacher: The model that makes the samples, or decodes the images of a degraded set (else
            empty): `module` and `identity` are identity; `name`,
            `location` and `options` say how this machine finds it.
        recipe: How a sample is made: solver, times, guidances ...
        members: Extension to {dtype, shape} of every member of every sample; of `cls` the classes.
        execution: How the bits come about: batch_size, dtype, cpu_threads, compile. Not identity;
            every receipt records its own.
        resolved: What follows from the rest, written down for readers: the times really visited.
            Not identity: their last digit may depend on the machine.
    """

    kind: str
    seed: int
    num_samples: int
    samples_per_shard: int
    source: Mapping[str, Any]
    teacher: Mapping[str, Any]
    recipe: Mapping[str, Any]
    members: Mapping[str, Any]
    execution: Mapping[str, Any]
    resolved: Mapping[str, Any] = field(default_factory=dict)

    def identity(self) -> dict[str, Any]:
        """Return the part that defines a sample: what the fingerprint is made of."""
        local = ("name", "location", "options")
        teacher = {key: value for key, value in self.teacher.items() if key not in local}
        return {
            "format_version": FORMAT_VERSION,
            "kind": self.kind,
            "seed": self.seed,
            "source": {key: self.source[key] for key in ("sha256", "num_inputs")},
            "teacher": teacher,
            "recipe": dict(self.recipe),
            "members": dict(self.members),
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of the identity, 64 hex digits."""
        return hashlib.sha256(canonical_json(self.identity()).encode()).hexdigest()

    @property
    def num_shards(self) -> int:
        """Number of shards; the last one may be short."""
        return -(-self.num_samples // self.samples_per_shard)

    def tasks(self) -> list[ShardTask]:
        """Return the tasks whose shards make up the dataset, in order."""
        fingerprint = self.fingerprint()
        return [
            ShardTask(
                shard_index=shard_index,
                start=shard_index * self.samples_per_shard,
                stop=min((shard_index + 1) * self.samples_per_shard, self.num_samples),
                fingerprint=fingerprint,
            )
            for shard_index in range(self.num_shards)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, with its fingerprint and format version."""
        return {
            "format_version": FORMAT_VERSION,
            "fingerprint": self.fingerprint(),
            **asdict(self),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Plan":
        """Rebuild a plan from `to_dict`'s data."""
        names = cls.__dataclass_fields__
        return cls(**{name: data[name] for name in names})


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One finished sample.

    Attributes:
        index: Its slot; the key in the tar is `{index:09d}`.
        fields: Extension to content, without the dot: `latent.npy`, `txt`.
        facts: The `json` member: a fixed set of keys, floats always floats.
    """

    index: int
    fields: Mapping[str, Field]
    facts: Facts

    @property
    def key(self) -> str:
        """Key of the sample in its tar."""
        return sample_key(self.index)


def sample_key(index: int) -> str:
    """Return the key of slot `index`: nine digits, no dots."""
    return f"{index:09d}"


@dataclass(frozen=True, kw_only=True)
class FailedSlot:
    """A slot whose key stays unused, and why.

    Attributes:
        index: The slot.
        reason: Why it has no sample.
        skipped: Whether a threshold that the user asked for left it out: then nothing failed.
    """

    index: int
    reason: str
    # Receipts of earlier versions do not say it.
    skipped: bool = False


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Says that a shard is done: what stands on disk, and how it was made.

    Attributes:
        shard_index: Number of the shard.
        start: First slot of its task.
        stop: One past the last slot of its task.
        count: Samples in the tar; 0 means that there is no tar.
        num_bytes: Size of the tar.
        sha256: Of the tar; empty when there is none.
        index_sha256: Of the shard's index file.
        fingerprint: Of the plan.
        failed: Slots that have no sample, those skipped on demand among them.
        made: How the bits came about: batch_size, cpu_threads, compile, dtype, device, versions,
            seconds, host.
    """

    shard_index: int
    start: int
    stop: int
    count: int
    num_bytes: int
    sha256: str
    index_sha256: str
    fingerprint: str
    failed: tuple[FailedSlot, ...] = ()
    made: Mapping[str, Any] = field(default_factory=dict)

    def fulfils(self, task: ShardTask) -> bool:
        """Whether this receipt is the receipt of `task`."""
        return (self.shard_index, self.start, self.stop, self.fingerprint) == (
            task.shard_index,
            task.start,
            task.stop,
            task.fingerprint,
        )

    def begins(self, task: ShardTask) -> bool:
        """Whether this is the receipt of a shorter `task`: the set has grown since."""
        return self.stop < task.stop and self.fulfils(replace(task, stop=self.stop))

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Receipt":
        """Rebuild a receipt from `to_dict`'s data."""
        failed = tuple(_known(FailedSlot, slot) for slot in data["failed"])
        found: Receipt = _known(cls, {**data, "failed": failed})
        return found


def _known(kind: Any, data: Mapping[str, Any]) -> Any:
    """Build a record of what this version knows of it: a later one may have added fields."""
    return kind(**{name: data[name] for name in kind.__dataclass_fields__ if name in data})


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The fold of all receipts against the plan; can be rebuilt at any time.

    Attributes:
        plan: The dataset's plan.
        receipts: Of the finished shards of the plan, by shard index.
        missing: Tasks of the plan without a receipt.
    """

    plan: Plan
    receipts: tuple[Receipt, ...]
    missing: tuple[ShardTask, ...]

    @property
    def num_samples(self) -> int:
        """Samples that stand on disk."""
        return sum(receipt.count for receipt in self.receipts)

    @property
    def num_failed(self) -> int:
        """Slots that were tried and have no sample, but for those skipped on demand."""
        return sum(not slot.skipped for receipt in self.receipts for slot in receipt.failed)

    @property
    def num_skipped(self) -> int:
        """Slots that a threshold of the user left out."""
        return sum(slot.skipped for receipt in self.receipts for slot in receipt.failed)

    @property
    def num_bytes(self) -> int:
        """Bytes of all tars."""
        return sum(receipt.num_bytes for receipt in self.receipts)

    @property
    def complete(self) -> bool:
        """Whether every task of the plan is done."""
        return not self.missing

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as plain data."""
        return {
            "format_version": FORMAT_VERSION,
            "fingerprint": self.plan.fingerprint(),
            # A copy: `repair` brings a lost plan back from it.
            "plan": self.plan.to_dict(),
            "num_planned": self.plan.num_samples,
            "num_samples": self.num_samples,
            "num_failed": self.num_failed,
            "num_skipped": self.num_skipped,
            "num_bytes": self.num_bytes,
            "missing": [[task.start, task.stop] for task in self.missing],
            "receipts": [receipt.to_dict() for receipt in self.receipts],
        }

"""The records that pairgen passes around: what to make, and what was made.

All are frozen and convert to plain JSON and back. Nothing here reads a file or imports torch.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

FORMAT_VERSION = 1
# Names of the inputs, by kind of dataset.
INPUT_NAMES = {"ode": "prompts", "degrade": "images", "collect": "images"}

# The content of a sample's member: an array (`.npy`), encoded bytes (`png`, `jpg`), or text.
Field = np.ndarray | bytes | str
Facts = Mapping[str, Any]


def canonical_json(value: Any) -> str:
    """Return the canonical JSON of `value`: sorted keys, no spaces, unescaped UTF-8.

    Raises:
        ValueError: `value` contains NaN or infinity.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """A range of slots that becomes one tar. Cheap to send, safe to repeat.

    Attributes:
        shard_index: Number of the shard; its file is `train/{shard_index:05d}.tar`.
        start: First slot.
        stop: One past the last slot.
        fingerprint: Fingerprint of the plan that the task belongs to.
        parent_sha256: SHA-256 of the parent's shard, for an overlay.
    """

    shard_index: int
    start: int
    stop: int
    fingerprint: str
    parent_sha256: str = ""

    @property
    def num_slots(self) -> int:
        """Number of slots in the task."""
        return self.stop - self.start


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The definition of a dataset. Equal fingerprints mean the same sample in every slot.

    Attributes:
        kind: The job that makes the dataset: `ode`, `degrade`, `collect`; `overlay` for added
            members.
        seed: Seed of the dataset, in [0, 2^63).
        num_samples: Number of slots; can grow later, so it is not part of the identity.
        samples_per_shard: Slots per shard; fixed by the folder.
        source: The source of the inputs. Only its `sha256` and `num_inputs` are part of the
            identity.
        teacher: The model that makes the samples, or decodes the images of a degraded dataset (else
            empty): `module` and `identity` are part of the identity; `name`, `location` and
            `options` say how this machine finds it.
        recipe: How a sample is made: solver, times, guidance scales ...
        members: Mapping from extension to {dtype, shape}, for every member of a sample; for `cls`,
            the classes.
        execution: What the bits depend on: batch_size, dtype, cpu_threads, compile. Not part of the
            identity; every receipt records its own.
        resolved: Derived values, for readers: the times that are actually visited. Not part of the
            identity, because their last digit may depend on the machine.
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
        """Return the part that defines a sample, from which the fingerprint is computed."""
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
        """Rebuild a plan from the data of `to_dict`."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One finished sample.

    Attributes:
        index: The sample's slot; its key in the tar is `{index:09d}`.
        fields: Mapping from extension, without the dot, to content: `latent.npy`, `txt`.
        facts: The `json` member: a fixed set of keys, with floats always as floats.
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
        reason: Why the slot has no sample.
        skipped: Whether a threshold of the user's left it out, so that nothing failed.
        image: Name of the image that the slot would show a part of; empty for none.
    """

    index: int
    reason: str
    # Receipts of earlier versions lack these.
    skipped: bool = False
    image: str = ""

    @property
    def told(self) -> str:
        """The reason, with the image that it is about."""
        return f"{self.image}: {self.reason}" if self.image else self.reason

    def to_dict(self) -> dict[str, Any]:
        """Return the slot as plain data; without an image, as earlier versions did."""
        return {key: each for key, each in asdict(self).items() if each or key != "image"}


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The record of a finished shard: what is on disk, and how it was made.

    Attributes:
        shard_index: Number of the shard.
        start: First slot of its task.
        stop: One past the last slot of its task.
        count: Samples in the tar; 0 means that there is no tar.
        num_bytes: Size of the tar.
        sha256: SHA-256 of the tar; empty if there is none.
        index_sha256: SHA-256 of the shard's index file.
        fingerprint: Fingerprint of the plan.
        failed: Slots without a sample, including those skipped on request.
        made: How the shard was computed: batch_size, cpu_threads, compile, dtype, device, versions,
            seconds, host, process, and when it ended (seconds since 1970).
        parent_sha256: SHA-256 of the parent's shard that an overlay's was made from, if known.
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
    parent_sha256: str = ""

    def fulfils(self, task: ShardTask) -> bool:
        """Return whether this is the receipt of `task`."""
        mine = (self.shard_index, self.start, self.stop, self.fingerprint)
        planned = (task.shard_index, task.start, task.stop, task.fingerprint)
        return mine == planned and not self.is_stale(task.parent_sha256)

    def is_stale(self, parent_sha256: str) -> bool:
        """Return whether it records that it was made from another parent's shard than this one."""
        return len({self.parent_sha256, parent_sha256} - {""}) == 2

    def begins(self, task: ShardTask) -> bool:
        """Return whether this is the receipt of a shorter `task`, before the dataset grew."""
        shorter = replace(task, stop=self.stop, parent_sha256="")
        return self.stop < task.stop and self.fulfils(shorter)

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt as plain data."""
        data = {**asdict(self), "failed": [slot.to_dict() for slot in self.failed]}
        return {key: each for key, each in data.items() if each or key != "parent_sha256"}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Receipt":
        """Rebuild a receipt from the data of `to_dict`."""
        failed = tuple(_known(FailedSlot, slot) for slot in data["failed"])
        found: Receipt = _known(cls, {**data, "failed": failed})
        return found


def _known(kind: Any, data: Mapping[str, Any]) -> Any:
    """Build a record from the fields that this version knows: a later one may have added more."""
    return kind(**{name: data[name] for name in kind.__dataclass_fields__ if name in data})


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The summary of all receipts of a plan, which can be rebuilt at any time.

    Attributes:
        plan: The dataset's plan.
        receipts: Receipts of the plan's finished shards, by shard index.
        missing: Tasks of the plan without a receipt.
    """

    plan: Plan
    receipts: tuple[Receipt, ...]
    missing: tuple[ShardTask, ...]

    @property
    def num_samples(self) -> int:
        """Number of samples on disk."""
        return sum(receipt.count for receipt in self.receipts)

    @property
    def num_failed(self) -> int:
        """Number of slots that failed, without those skipped on request."""
        return sum(not slot.skipped for receipt in self.receipts for slot in receipt.failed)

    @property
    def num_skipped(self) -> int:
        """Number of slots that a threshold of the user's left out."""
        return sum(slot.skipped for receipt in self.receipts for slot in receipt.failed)

    @property
    def num_bytes(self) -> int:
        """Size of all tars in bytes."""
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
            # A copy, from which `repair` restores a lost plan.
            "plan": self.plan.to_dict(),
            "num_planned": self.plan.num_samples,
            "num_samples": self.num_samples,
            "num_failed": self.num_failed,
            "num_skipped": self.num_skipped,
            "num_bytes": self.num_bytes,
            "missing": [[task.start, task.stop] for task in self.missing],
            "receipts": [receipt.to_dict() for receipt in self.receipts],
        }

"""What is known of finished shards: receipts, the slots that failed, and the manifest of all.

All are frozen and convert to plain JSON and back, as the records of `types` do.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pairgen.types import FORMAT_VERSION, Plan, ShardTask


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
        code: The user's own modules that made it, for the plan, see `CodeWatch.told`; not stored:
            `made` has their hash.
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
    code: Mapping[str, Any] = field(default_factory=dict, compare=False)

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
        del data["code"]
        return {key: each for key, each in data.items() if each or key != "parent_sha256"}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Receipt":
        """Rebuild a receipt from the data of `to_dict`."""
        failed = tuple(_known(FailedSlot, slot) for slot in data["failed"])
        stored = {name: each for name, each in data.items() if name != "code"}
        found: Receipt = _known(cls, {**stored, "failed": failed})
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

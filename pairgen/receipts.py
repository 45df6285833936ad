"""What is known of finished shards: receipts, the slots that failed, and the manifest of all.

All are frozen and convert to plain JSON and back, as the records of `types` do.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pairgen.made import Made
from pairgen.shown import Shown, ShownTable
from pairgen.types import FORMAT_VERSION, Plan, ShardTask
from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.sealed import check_seal
from pairgen.untrusted.sealed import sealed as seal
from pairgen.untrusted.typed import Count, Sha256, check_plain, fault_in
from pairgen.wording import counted, size_text

# Largest file of a receipt: room for 100,000 failed slots with their reasons.
MAX_BYTES = 16 * 1024**2


@dataclass(frozen=True, kw_only=True)
class FailedSlot:
    """A slot whose key stays unused, and why.

    Attributes:
        index: The slot.
        reason: Why the slot has no sample.
        skipped: Whether a threshold of the user's left it out, so that nothing failed.
        image: Name of the image that the slot would show a part of; empty for none.
    """

    index: Count
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


@dataclass(frozen=True, kw_only=True, repr=False)
class Receipt(Shown):
    """The record of a finished shard: what is on disk, and how it was made.

    Attributes:
        shard_index: Number of the shard.
        start: First slot of its task.
        stop: One past the last slot of its task.
        count: Samples in the tar; 0 means that there is no tar.
        num_bytes: Size of the tar.
        sha256: SHA-256 of the tar; empty if there is none.
        index_sha256: SHA-256 of the shard's index file.
        fingerprint: Fingerprint of the plan, as it was when it had `stop` samples.
        failed: Slots without a sample, including those skipped on request.
        made: How the shard was computed: batch_size, cpu_threads, compile, dtype, device, versions,
            seconds, host, process, and when it ended (seconds since 1970).
        parent_sha256: SHA-256 of the parent's shard that an overlay's was made from, if known.
        code: The user's own modules that made it, for the plan, see `CodeWatch.told`; not stored:
            `made` has their hash.
        own_sha256: SHA-256 of its own JSON, see `to_json`; empty if its file does not tell it.
    """

    shard_index: Count
    start: Count
    stop: Count
    count: Count
    num_bytes: Count
    sha256: Sha256
    index_sha256: Sha256
    fingerprint: str
    failed: tuple[FailedSlot, ...] = ()
    made: Made = field(default_factory=dict)
    parent_sha256: Sha256 = ""
    code: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    own_sha256: Sha256 = field(default="", compare=False, repr=False)

    def shown(self) -> ShownTable:
        """Return the shard's number, size and origin."""
        rows = [
            ("slots", f"{self.start:,} to {self.stop - 1:,}"),
            ("size", size_text(self.num_bytes)),
            ("SHA-256", self.sha256),
            ("plan", self.fingerprint),
            ("failed slots", f"{sum(not slot.skipped for slot in self.failed):,}"),
            *((name, str(self.made[name])) for name in ("device", "dtype") if name in self.made),
        ]
        return ShownTable(
            f"Receipt of shard {self.shard_index:05d}: {counted(self.count, 'sample')}", rows
        )

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
        shorter = replace(task.shortened(self.stop), parent_sha256="")
        return self.stop < task.stop and self.fulfils(shorter)

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt as plain data."""
        data = {**asdict(self), "failed": [slot.to_dict() for slot in self.failed]}
        del data["code"], data["own_sha256"]
        return {key: each for key, each in data.items() if each or key != "parent_sha256"}

    def to_json(self, sealed: bool = True) -> bytes:
        """Return the content of the receipt's file.

        Args:
            sealed: Whether the SHA-256 of everything before it comes last, so that a flipped byte
                is found; receipts of earlier versions have none.
        """
        text = json.dumps(self.to_dict(), ensure_ascii=False).encode()
        return seal(text) if sealed else text

    @classmethod
    def from_json(cls, text: bytes) -> "Receipt":
        """Rebuild a receipt from the content of its file; a later version may have added fields.

        Raises:
            MalformedError: It is not a receipt, or was altered.
        """
        if len(text) > MAX_BYTES:
            raise MalformedError(f"it has {len(text):,} bytes")
        try:
            found = _adapter().validate_json(text, strict=True)
        except ValidationError as error:
            raise MalformedError(fault_in(error)) from None
        found.check()
        if found.own_sha256:
            check_seal(text, found.own_sha256)
        return replace(found, code={}) if found.code else found

    def check(self) -> None:
        """Check that its numbers can be those of one shard.

        Raises:
            MalformedError: They cannot.
        """
        num_slots = self.stop - self.start
        if num_slots < 0 or len(self.failed) > num_slots:
            raise MalformedError(
                f"it has {len(self.failed):,} failed slots in slots {self.start} to {self.stop}"
            )
        if any(not self.start <= slot.index < self.stop for slot in self.failed):
            raise MalformedError("a failed slot is none of its own")


@cache
def _adapter() -> TypeAdapter[Receipt]:
    return TypeAdapter(Receipt)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What the file of a manifest tells; those of earlier versions tell less."""

    receipts: tuple[Receipt, ...]
    fingerprint: str = ""
    plan: dict[str, Any] | None = None
    num_planned: int = -1
    num_samples: int = 0
    num_failed: int = 0
    num_skipped: int = 0
    num_bytes: int = 0
    missing: tuple[tuple[int, int], ...] = ()


@cache
def _listed() -> TypeAdapter[Listed]:
    return TypeAdapter(Listed)


def listed_in(manifest: bytes) -> Listed:
    """Return what the content of a manifest's file tells.

    Raises:
        MalformedError: It is not a manifest of this version.
    """
    try:
        found = _listed().validate_json(manifest, strict=True)
        check_plain(found.plan)
    except ValidationError as error:
        raise MalformedError(fault_in(error)) from None
    for receipt in found.receipts:
        receipt.check()
    return found


@dataclass(frozen=True, kw_only=True, repr=False)
class Manifest(Shown):
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

    def shown(self) -> ShownTable:
        """Return how much there is, and of what."""
        num_shards = len(self.receipts)
        rows = [
            ("shards", f"{num_shards:,} of {num_shards + len(self.missing):,}"),
            ("size", size_text(self.num_bytes)),
            ("members", ", ".join(sorted(self.plan.members))),
        ]
        if self.num_failed:
            rows.append(("failed slots", f"{self.num_failed:,}"))
        if self.num_skipped:
            rows.append(("skipped slots", f"{self.num_skipped:,}"))
        rows += [("seed", str(self.plan.seed)), ("fingerprint", self.plan.fingerprint())]
        made = f"{self.num_samples:,} of {self.plan.num_samples:,} samples"
        state = "complete" if self.complete else "not complete"
        return ShownTable(f"Manifest of {self.plan.made_by}: {made}, {state}", rows)

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


class Manifests(Shown, list[Manifest]):
    """Manifests of several sets, in order."""

    def shown(self) -> ShownTable:
        """Return a row for each."""
        rows = [
            (
                each.plan.made_by,
                f"{each.num_samples:,} of {each.plan.num_samples:,}",
                f"{len(each.receipts):,} of {len(each.receipts) + len(each.missing):,}",
                size_text(each.num_bytes),
                ", ".join(sorted(each.plan.members)),
            )
            for each in self
        ]
        head = ("", "samples", "shards", "size", "members")
        num = f"{counted(len(self), 'manifest')}"
        return ShownTable(num, rows, head if rows else ())

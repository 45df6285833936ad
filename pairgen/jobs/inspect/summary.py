"""Summarize a dataset folder from its receipts, one receipt at a time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairgen.receipts import FailedSlot, Receipt
from pairgen.shards.check.receipt_check import MADE
from pairgen.shards.format.manifest import find_receipts
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, canonical_json

# Maximum number of slots without a sample to list.
MAX_FAILED = 20


@dataclass(frozen=True)
class Share:
    """Number of shards and samples that share a value."""

    num_shards: int
    num_samples: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Totals over all receipts of a plan, without the receipts.

    Attributes:
        counts: Samples in every shard of the plan, [num_shards]; 0 for missing shards.
        num_shards: Number of finished shards.
        num_bytes: Bytes of their tars.
        num_failed: Number of slots that were tried and have no sample.
        num_skipped: Number of slots that one of the user's thresholds excluded.
        failed: The first slots of both kinds.
        num_foreign: Number of receipts that do not belong to this plan.
        seconds: Total seconds of all workers.
        made: How samples were made: name (`device`, `torch` ...) to value to its share.
    """

    counts: np.ndarray
    num_shards: int
    num_bytes: int
    num_failed: int
    num_skipped: int
    failed: tuple[FailedSlot, ...]
    num_foreign: int
    seconds: float
    made: Mapping[str, Mapping[str, Share]]

    @property
    def num_samples(self) -> int:
        """Number of finished samples."""
        return int(self.counts.sum())

    @property
    def mixed(self) -> tuple[str, ...]:
        """Names of `made` with more than one value."""
        return tuple(name for name, values in self.made.items() if len(values) > 1)


def summarize(store: Store, plan: Plan, on_progress: Callable[[int], None]) -> Summary:
    """Read every receipt of a folder, without keeping any.

    Args:
        store: The dataset folder.
        plan: The dataset's plan.
        on_progress: Called with the number of receipts read so far.
    """
    tasks = {task.shard_index: task for task in plan.tasks()}
    counts = np.zeros(plan.num_shards, np.int64)
    num_shards = num_bytes = num_failed = num_skipped = num_foreign = 0
    seconds = 0.0
    failed: list[FailedSlot] = []
    made: dict[str, dict[str, Share]] = {}
    for num_read, (_, receipt) in enumerate(find_receipts(store), start=1):
        on_progress(num_read)
        task = None if receipt is None else tasks.get(receipt.shard_index)
        if receipt is None or task is None or not receipt.fulfils(task):
            num_foreign += 1
            continue
        counts[receipt.shard_index] = receipt.count
        num_shards += 1
        num_bytes += receipt.num_bytes
        num_skipped += sum(slot.skipped for slot in receipt.failed)
        num_failed += sum(not slot.skipped for slot in receipt.failed)
        failed += receipt.failed[: MAX_FAILED - len(failed)]
        seconds += float(receipt.made.get("seconds", 0.0))
        for name, value in _ways(receipt):
            before = made.setdefault(name, {}).get(value, Share(0, 0))
            made[name][value] = Share(before.num_shards + 1, before.num_samples + receipt.count)
    return Summary(
        counts=counts,
        num_shards=num_shards,
        num_bytes=num_bytes,
        num_failed=num_failed,
        num_skipped=num_skipped,
        failed=tuple(failed),
        num_foreign=num_foreign,
        seconds=seconds,
        made=made,
    )


def _ways(receipt: Receipt) -> Iterator[tuple[str, str]]:
    """Yield name and value of everything that may change a sample's bits, one per version."""
    for name in MADE:
        value: Any = receipt.made.get(name)
        if isinstance(value, dict):
            yield from ((each, str(version)) for each, version in sorted(value.items()))
        elif value is not None:
            yield name, value if isinstance(value, str) else canonical_json(value)

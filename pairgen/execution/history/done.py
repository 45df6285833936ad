"""The finished shards of a dataset, as its receipts tell of them."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pairgen.receipts import Receipt
from pairgen.shards.format.manifest import find_receipts
from pairgen.shards.storage.store import Store
from pairgen.types import Plan

# What differs between failures of one kind: names in quotes, and numbers.
_PARTICULARS = re.compile(r"'[^']*'|\"[^\"]*\"|\d+(?:\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class Done:
    """A finished shard.

    Attributes:
        num_slots: Number of its slots.
        num_samples: Number of its samples.
        num_bytes: Size of its tar.
        seconds: Seconds that its worker took.
        ended: When it was done, in seconds since 1970; None in receipts of earlier versions.
        worker: Who made it: host and process.
        device: Device of the worker.
    """

    num_slots: int
    num_samples: int
    num_bytes: int
    seconds: float
    ended: float | None
    worker: str
    device: str


@dataclass
class Receipts:
    """What was read of a folder's receipts; each is read once.

    Attributes:
        done: The plan's finished shards, by shard index.
        foreign: Shards whose receipt cannot be read or belongs to another plan.
        failed: Number of slots that failed, by kind of reason.
        examples: The first reason of each kind.
        num_skipped: Number of slots that a threshold of the user's left out.
    """

    done: dict[int, Done] = field(default_factory=dict)
    foreign: set[int] = field(default_factory=set)
    failed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    num_skipped: int = 0

    def read_new(self, store: Store, plan: Plan) -> None:
        """Read the receipts that were not there before.

        Raises:
            OSError: The folder cannot be read.
        """
        tasks = {task.shard_index: task for task in plan.tasks()}
        for shard, receipt in find_receipts(store, skip=self.done):
            if receipt is None or shard not in tasks or not receipt.fulfils(tasks[shard]):
                self.foreign.add(shard)
                continue
            self.foreign.discard(shard)
            self.done[shard] = _done(receipt)
            for slot in receipt.failed:
                if slot.skipped:
                    self.num_skipped += 1
                    continue
                kind = _PARTICULARS.sub("…", slot.reason)
                self.failed[kind] += 1
                self.examples.setdefault(kind, slot.told)


def _done(receipt: Receipt) -> Done:
    made: Mapping[str, object] = receipt.made
    process = made.get("process")
    return Done(
        num_slots=receipt.stop - receipt.start,
        num_samples=receipt.count,
        num_bytes=receipt.num_bytes,
        seconds=_number(made.get("seconds")) or 0.0,
        ended=_number(made.get("ended")),
        worker=f"{made.get('host', '?')}" + (f":{process}" if process is not None else ""),
        device=str(made.get("device", "?")),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None

"""Estimate the cost of a dataset: scale measurements of a few samples up to all shards.

This works for any kind of plan. Nothing here makes a sample or reads a clock: `trial.py` does.
"""

import bisect
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from pairgen.shards.format.slots import num_prompts
from pairgen.shards.format.writer import end_size
from pairgen.types import Plan, ShardTask


@dataclass(frozen=True, kw_only=True)
class ShardTime:
    """Time that one worker spends on a shard, by part.

    Attributes:
        batch_size: Slots per batch. Batches are padded, so a short one takes as long as a full
            one. 1 if slots are made one by one.
        per_batch: Seconds per batch.
        per_encoding: Seconds to encode a batch of distinct prompts; counted once per shard.
        per_shard: Seconds to read what a shard is made from, and to close, index, sync, hash and
            publish one without samples.
        per_slot: Seconds that each slot adds to `per_shard`.
    """

    batch_size: int
    per_batch: float
    per_encoding: float = 0.0
    per_shard: float = 0.0
    per_slot: float = 0.0

    def seconds(self, num_slots: int, num_prompts: int) -> float:
        """Return the seconds that a shard takes; batches do not cross shards."""
        num_batches = -(-num_slots // self.batch_size)
        num_encodings = -(-num_prompts // self.batch_size)
        published = self.per_shard + self.per_slot * num_slots
        return self.per_batch * num_batches + self.per_encoding * num_encodings + published


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Measured cost of a few slots.

    Attributes:
        num_slots: Number of slots tried.
        num_samples: Number of samples made from them.
        num_skipped: Slots excluded by one of the user's thresholds; the rest failed.
        bytes_per_slot: Extension to bytes in a tar, including header and padding.
        meta_bytes: Bytes of index, receipt and manifest entry: (per shard, per slot).
        time: Time of one worker.
        load_seconds: Seconds to load what a worker needs; once per worker.
        warm_up_seconds: Extra seconds of the first batch, including compilation.
        device: Device that the samples were made on.
    """

    num_slots: int
    num_samples: int
    num_skipped: int
    bytes_per_slot: Mapping[str, float]
    meta_bytes: tuple[float, float]
    time: ShardTime
    load_seconds: float
    warm_up_seconds: float
    device: str

    @property
    def start_seconds(self) -> float:
        """Seconds until a worker runs at full speed."""
        return self.load_seconds + self.warm_up_seconds


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What is missing from a dataset, and what it will cost.

    Attributes:
        num_slots: Number of slots to try.
        num_samples: Expected number of samples.
        member_bytes: Extension to bytes in the tars, including headers and padding.
        num_bytes: Bytes of the tars, including their end marks.
        meta_bytes: Bytes of index, receipts and manifest.
        shard_seconds: Seconds that one worker spends on each shard, without loading.
    """

    num_slots: int
    num_samples: int
    member_bytes: Mapping[str, int]
    num_bytes: int
    meta_bytes: int
    shard_seconds: Sequence[float]

    @property
    def num_shards(self) -> int:
        """Number of shards to make."""
        return len(self.shard_seconds)

    @property
    def worker_seconds(self) -> float:
        """Total busy time of all workers in seconds, without loading."""
        return sum(self.shard_seconds)

    def wall_seconds(self, num_workers: int) -> float:
        """Return the seconds until equally fast workers are done, without loading."""
        return makespan(self.shard_seconds, num_workers)


def makespan(seconds: Sequence[float], num_workers: int) -> float:
    """Return when the last task is done if each free worker takes the next one, in order."""
    busy_until = [0.0] * min(num_workers, max(len(seconds), 1))
    for each in seconds:
        heapq.heapreplace(busy_until, busy_until[0] + each)
    return max(busy_until)


def spread_tasks(tasks: Sequence[ShardTask], num: int, run_length: int) -> list[ShardTask]:
    """Return `num` slots of the tasks, spread evenly, as tasks of `run_length` slots.

    Args:
        tasks: Any tasks.
        num: Number of slots; at least one run is returned, and all slots if there are fewer.
        run_length: Slots that are made together, such as a batch; runs do not cross tasks.
    """
    # Number of runs before each task; a large dataset has too many runs to list them all.
    before = list(accumulate((-(-task.num_slots // run_length) for task in tasks), initial=0))
    num_runs = max(1, min(before[-1], num // run_length))
    spread = []
    for part in range(num_runs if tasks else 0):
        # The middle of each of `num_runs` equal parts.
        run = (2 * part + 1) * before[-1] // (2 * num_runs)
        number = bisect.bisect_right(before, run) - 1
        task = tasks[number]
        start = task.start + (run - before[number]) * run_length
        spread.append(replace(task, start=start, stop=min(start + run_length, task.stop)))
    return spread


def price(measured: Measured, plan: Plan, tasks: Sequence[ShardTask]) -> Cost:
    """Scale the measurement up to the tasks; all zero if there are none."""
    num_slots = sum(task.num_slots for task in tasks)
    slot_bytes, num_bytes = sum(measured.bytes_per_slot.values()), 0
    for task in tasks:
        content = round(slot_bytes * task.num_slots)
        num_bytes += content + end_size(content) if content else 0
    meta_per_shard, meta_per_slot = measured.meta_bytes
    return Cost(
        num_slots=num_slots,
        num_samples=round(num_slots * measured.num_samples / measured.num_slots),
        member_bytes={
            name: round(size * num_slots) for name, size in measured.bytes_per_slot.items()
        },
        num_bytes=num_bytes,
        meta_bytes=round(meta_per_shard * len(tasks) + meta_per_slot * num_slots),
        shard_seconds=[
            measured.time.seconds(task.num_slots, num_prompts(plan, task)) for task in tasks
        ],
    )

"""What a dataset will cost: what was measured of a few of its samples, scaled up to its shards.

Of whatever kind the plan is. Nothing here makes a sample or looks at a clock: `trial.py` does.
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
    """How long one worker is at a shard, part by part.

    Attributes:
        batch_size: Slots of a batch, which is padded: a short one takes as long as a full one. 1
            where slots are made one by one.
        per_batch: Seconds.
        per_encoding: Seconds to encode a batch of distinct prompts, once a shard.
        per_shard: Seconds to close, index, sync, hash and publish a shard of no samples.
        per_slot: Seconds that each slot adds to that.
    """

    batch_size: int
    per_batch: float
    per_encoding: float = 0.0
    per_shard: float = 0.0
    per_slot: float = 0.0

    def seconds(self, num_slots: int, num_prompts: int) -> float:
        """Return how long a shard takes; batches do not cross shards."""
        num_batches = -(-num_slots // self.batch_size)
        num_encodings = -(-num_prompts // self.batch_size)
        published = self.per_shard + self.per_slot * num_slots
        return self.per_batch * num_batches + self.per_encoding * num_encodings + published


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What some slots cost.

    Attributes:
        num_slots: Tried.
        num_samples: Made of them.
        num_skipped: Left out by a threshold of the user; the rest has failed.
        bytes_per_slot: Extension to the bytes in a tar, header and padding included.
        meta_bytes: Of index, receipt and its place in the manifest: (of a shard, of each slot).
        time: Of one worker.
        load_seconds: Until a worker holds what it needs, once.
        warm_up_seconds: By which its first batch is slower than the others; with compiling.
        device: That they were made on.
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
        """Seconds that a worker takes before it makes samples at its pace."""
        return self.load_seconds + self.warm_up_seconds


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What is missing of a dataset, and what it will cost.

    Attributes:
        num_slots: To be tried.
        num_samples: Expected of them.
        member_bytes: Extension to the bytes of the tars, header and padding included.
        num_bytes: Of the tars, their ends included.
        meta_bytes: Of index, receipts and manifest.
        shard_seconds: How long one worker is at each shard, loading left out.
    """

    num_slots: int
    num_samples: int
    member_bytes: Mapping[str, int]
    num_bytes: int
    meta_bytes: int
    shard_seconds: Sequence[float]

    @property
    def num_shards(self) -> int:
        """Shards to be made."""
        return len(self.shard_seconds)

    @property
    def worker_seconds(self) -> float:
        """How long workers are busy, all together, loading left out."""
        return sum(self.shard_seconds)

    def wall_seconds(self, num_workers: int) -> float:
        """Return how long workers of equal speed are busy, loading left out."""
        return makespan(self.shard_seconds, num_workers)


def makespan(seconds: Sequence[float], num_workers: int) -> float:
    """Return when the last of some tasks is done: a free worker takes the next one, in order."""
    busy_until = [0.0] * min(num_workers, max(len(seconds), 1))
    for each in seconds:
        heapq.heapreplace(busy_until, busy_until[0] + each)
    return max(busy_until)


def spread_tasks(tasks: Sequence[ShardTask], num: int, run_length: int) -> list[ShardTask]:
    """Return `num` slots of the tasks, spread evenly, as tasks of `run_length` slots.

    Args:
        tasks: Any.
        num: Slots; at least one run is returned, and all slots when there are fewer.
        run_length: Slots that are made together, such as a batch; runs do not cross tasks.
    """
    # Runs of the tasks before each one; a large set has too many runs to list them.
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
    """Scale up what was measured to the tasks; all zero when there are none."""
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

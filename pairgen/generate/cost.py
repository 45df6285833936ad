"""What a dataset will cost: a few of its samples are really made, in memory, and scaled up.

Of whatever kind the plan is: its maker makes short runs of slots, as a worker would let it.
"""

import bisect
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch

from pairgen.generate.worker import Maker
from pairgen.shards.codec import encode_facts, encode_field
from pairgen.shards.writer import end_size, member_size
from pairgen.types import Plan, Sample, ShardTask


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What some slots cost.

    Attributes:
        num_slots: Tried.
        num_samples: Made of them.
        num_skipped: Left out by a threshold of the user; the rest has failed.
        member_bytes: Extension to the bytes in a tar, header and padding included, of all samples.
        seconds: To make and encode them with one worker, loading left out. Slots that lie apart
            share no decoded image, so where an image gives many crops this is too long.
        device: That they were made on.
    """

    num_slots: int
    num_samples: int
    num_skipped: int
    member_bytes: Mapping[str, int]
    seconds: float
    device: str


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What is missing of a dataset, and what it will cost.

    Attributes:
        num_slots: To be tried.
        num_samples: Expected of them.
        num_shards: To be made.
        member_bytes: Extension to the bytes of the tars, header and padding included.
        num_bytes: Of the tars, their ends included. The files under `__meta__/` are not counted.
        seconds_per_slot: Of one worker.
        slots_of_largest_shard: A shard is made by one worker.
    """

    num_slots: int
    num_samples: int
    num_shards: int
    member_bytes: Mapping[str, int]
    num_bytes: int
    seconds_per_slot: float
    slots_of_largest_shard: int

    def wall_seconds(self, num_workers: int) -> float:
        """Return how long workers of equal speed are busy, loading left out."""
        rounds = -(-self.num_shards // num_workers)
        # Whole shards are handed out; where they are many, the short last one does not matter.
        slots = min(self.num_slots, rounds * self.slots_of_largest_shard)
        return slots * self.seconds_per_slot


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


def measure(plan: Plan, maker: Maker, tasks: Sequence[ShardTask]) -> Measured:
    """Make the samples of some tasks and keep only what they cost.

    Args:
        plan: Of the dataset.
        maker: Of the plan.
        tasks: From `spread_tasks`; at least one.

    Raises:
        PairgenError: The maker cannot go on.
    """
    torch.set_num_threads(plan.execution["cpu_threads"])
    # Libraries load and tables are filled with the first sample. Not one whose image would then be
    # at hand for the measurement.
    for _ in maker.make(tasks[-1]):
        pass
    member_bytes: Counter[str] = Counter()
    num_slots = num_samples = num_skipped = 0
    start = time.perf_counter()
    for task in tasks:
        for results in maker.make(task):
            for result in results:
                num_slots += 1
                if isinstance(result, Sample):
                    num_samples += 1
                    member_bytes.update(_member_bytes(result))
                else:
                    num_skipped += result.skipped
    return Measured(
        num_slots=num_slots,
        num_samples=num_samples,
        num_skipped=num_skipped,
        member_bytes=dict(sorted(member_bytes.items())),
        seconds=time.perf_counter() - start,
        device=maker.device,
    )


def price(measured: Measured, tasks: Sequence[ShardTask]) -> Cost:
    """Scale up what was measured to the tasks; all zero when there are none."""
    num_slots = sum(task.num_slots for task in tasks)
    per_slot = {name: size / measured.num_slots for name, size in measured.member_bytes.items()}
    slot_bytes, num_bytes = sum(per_slot.values()), 0
    for task in tasks:
        content = round(slot_bytes * task.num_slots)
        num_bytes += content + end_size(content) if content else 0
    return Cost(
        num_slots=num_slots,
        num_samples=round(num_slots * measured.num_samples / measured.num_slots),
        num_shards=len(tasks),
        member_bytes={name: round(size * num_slots) for name, size in per_slot.items()},
        num_bytes=num_bytes,
        seconds_per_slot=measured.seconds / measured.num_slots,
        slots_of_largest_shard=max((task.num_slots for task in tasks), default=0),
    )


def _member_bytes(sample: Sample) -> dict[str, int]:
    """Return what each member of a sample takes in a tar."""
    members = {name: member_size(len(encode_field(each))) for name, each in sample.fields.items()}
    return {**members, "json": member_size(len(encode_facts(sample.facts)))}

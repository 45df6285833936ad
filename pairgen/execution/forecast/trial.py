"""Make a few samples of a dataset as a worker would, and note what they cost.

In a temporary folder that holds the plan's inputs: nothing is written where the dataset goes.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from pairgen.execution.forecast.cost import ShardTime, spread_tasks
from pairgen.execution.worker import make_shard
from pairgen.kinds.maker import Maker
from pairgen.process_state import cpu_threads
from pairgen.shards.check.planned import PlannedInputs
from pairgen.shards.format import layout
from pairgen.shards.format.codec import encode_facts, encode_field
from pairgen.shards.format.store import Store
from pairgen.shards.format.writer import member_size
from pairgen.types import FailedSlot, Plan, Sample, ShardTask

# Slots whose texts are measured, in runs: single ones could all fall on one place of a list that
# repeats itself, such as one of labels.
NUM_TEXTS = 4096
TEXTS_OF_A_RUN = 64
# Slots of the shard whose publishing is timed, and how often; more would only hold memory. The last
# run may go beyond the bytes.
MAX_PUBLISHED = 64
MAX_PUBLISHED_BYTES = 64 * 1024**2
NUM_PUBLISHED = 5


@dataclass(frozen=True, kw_only=True)
class Runs:
    """How slots were made together, and what that took.

    Attributes:
        results: Of the first runs, at most `MAX_PUBLISHED`, and enough for `MAX_PUBLISHED_BYTES`.
        num_slots: Tried.
        num_samples: Made of them.
        num_skipped: Left out by a threshold of the user.
        member_bytes: Extension to the bytes in a tar, of all samples.
        run_seconds: Of each run.
        encoding_seconds: Of each run, to encode its prompts; a part of `run_seconds`.
        first_seconds: Of a run before all others: libraries load, tables are filled, a network is
            compiled.
    """

    results: Sequence[Sample | FailedSlot]
    num_slots: int
    num_samples: int
    num_skipped: int
    member_bytes: Mapping[str, int]
    run_seconds: Sequence[float]
    encoding_seconds: Sequence[float]
    first_seconds: float

    @property
    def warm_up_seconds(self) -> float:
        """By how much the run before all others was slower than most."""
        usual = median(self.run_seconds) + median(self.encoding_seconds)
        return max(self.first_seconds - usual, 0.0)

    def batch_time(self, batch_size: int) -> ShardTime:
        """Return what padded batches take, one a run, of which some may be short.

        On a GPU the host's part of a batch is in it, which overlaps in a shard: slightly too long.
        """
        encoding = median(self.encoding_seconds)
        per_batch = max(median(self.run_seconds) - encoding, 0.0)
        return ShardTime(batch_size=batch_size, per_batch=per_batch, per_encoding=encoding)

    def slot_time(self) -> ShardTime:
        """Return what a slot takes on average, where slots differ and none is padded."""
        return ShardTime(batch_size=1, per_batch=sum(self.run_seconds) / self.num_slots)


def make_runs(
    plan: Plan,
    maker: Maker,
    tasks: Sequence[ShardTask],
    on_slots: Callable[[int], None] = lambda _: None,
) -> Runs:
    """Make the samples of some tasks in memory.

    Args:
        plan: Of the dataset.
        maker: Of the plan.
        tasks: From `spread_tasks`; at least one.
        on_slots: Called with the number of slots done so far.

    Raises:
        PairgenError: The maker cannot go on.
    """
    with cpu_threads(plan.execution["cpu_threads"]):
        return _make_runs(maker, tasks, on_slots)


def _make_runs(maker: Maker, tasks: Sequence[ShardTask], on_slots: Callable[[int], None]) -> Runs:
    # Not one whose image would then be at hand for the measurement.
    start = time.perf_counter()
    maker.encode(tasks[-1])
    for _ in maker.make(tasks[-1]):
        pass
    first_seconds = time.perf_counter() - start
    kept: list[Sample | FailedSlot] = []
    member_bytes: Counter[str] = Counter()
    num_slots = num_samples = num_skipped = 0
    run_seconds, encoding_seconds = [], []
    for task in tasks:
        start = time.perf_counter()
        maker.encode(task)
        encoded = time.perf_counter()
        made = [result for results in maker.make(task) for result in results]
        encoding_seconds.append(encoded - start)
        run_seconds.append(time.perf_counter() - encoded)
        if sum(member_bytes.values()) < MAX_PUBLISHED_BYTES:
            kept += made[: MAX_PUBLISHED - len(kept)]
        for result in made:
            if isinstance(result, Sample):
                num_samples += 1
                member_bytes.update(_member_bytes(result))
            else:
                num_skipped += result.skipped
        num_slots += len(made)
        on_slots(num_slots)
    return Runs(
        results=kept,
        num_slots=num_slots,
        num_samples=num_samples,
        num_skipped=num_skipped,
        member_bytes=dict(sorted(member_bytes.items())),
        run_seconds=run_seconds,
        encoding_seconds=encoding_seconds,
        first_seconds=first_seconds,
    )


def bytes_per_slot(
    runs: Runs, inputs: PlannedInputs, tasks: Sequence[ShardTask]
) -> dict[str, float]:
    """Return what each member takes in a tar, on average.

    Texts differ in length more than other members differ, and are known without making anything:
    their size is taken from all over the tasks.
    """
    found = {name: size / runs.num_slots for name, size in runs.member_bytes.items()}
    if "txt" not in found:
        return found
    sizes = []
    for run in spread_tasks(tasks, NUM_TEXTS, TEXTS_OF_A_RUN):
        planned = inputs.samples(run.start, run.stop)
        for index in range(run.start, run.stop):
            sizes.append(member_size(len((planned(index).text or "").encode("utf-8"))))
    mean = sum(sizes) / len(sizes)
    return {**found, "txt": mean * runs.num_samples / runs.num_slots}


@dataclass(frozen=True)
class Published:
    """What publishing takes, as (of a shard, of each slot).

    Attributes:
        seconds: To write, index, sync, hash and publish.
        meta_bytes: Of the index, and of the receipt, which also stands in the manifest.
    """

    seconds: tuple[float, float]
    meta_bytes: tuple[float, float]


def publish_again(plan: Plan, store: Store, maker: Maker, results: Sequence[Any]) -> Published:
    """Publish results that are made already, some times, and note what that takes.

    Writing overlaps with making in a real shard, so where samples are large this is too long.

    Args:
        plan: Of the dataset.
        store: A temporary folder.
        maker: That made them.
        results: Samples and failed slots, at least one.
    """
    takes = {}
    shard_index = 0
    for num_slots in sorted({1, len(results)}):
        again = _MadeAlready(results[:num_slots], maker.device, maker.modules, maker.index_columns)
        seconds = []
        for _ in range(NUM_PUBLISHED):
            task = ShardTask(shard_index=shard_index, start=0, stop=num_slots, fingerprint="")
            start = time.perf_counter()
            receipt = make_shard(store, plan, again, task)
            seconds.append(time.perf_counter() - start)
            meta_bytes = 2 * store.size(layout.receipt_path(shard_index))
            meta_bytes += store.size(layout.index_path(shard_index)) if receipt.count else 0
            store.remove(layout.shard_path(shard_index))
            shard_index += 1
        takes[num_slots] = median(seconds), float(meta_bytes)
    (seconds_of_one, bytes_of_one), (seconds_of_all, bytes_of_all) = takes[1], takes[len(results)]
    return Published(
        seconds=_line(seconds_of_one, seconds_of_all, len(results)),
        meta_bytes=_line(bytes_of_one, bytes_of_all, len(results)),
    )


def _line(of_one: float, of_all: float, num: int) -> tuple[float, float]:
    """Return what nothing takes and what each one adds, from what one and `num` take."""
    each = max(of_all - of_one, 0.0) / max(num - 1, 1)
    return max(of_one - each, 0.0), each


@dataclass
class _MadeAlready:
    """A maker that has made all it will."""

    results: Sequence[Sample | FailedSlot]
    device: str
    modules: Sequence[str]
    index_columns: Mapping[str, Any]

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        """Yield all at once."""
        del task
        yield list(self.results)


def _member_bytes(sample: Sample) -> dict[str, int]:
    """Return what each member of a sample takes in a tar."""
    members = {name: member_size(len(encode_field(each))) for name, each in sample.fields.items()}
    return {**members, "json": member_size(len(encode_facts(sample.facts)))}

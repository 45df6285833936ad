"""Make a few samples of a dataset as a worker would, and measure what they cost.

This happens in a temporary folder with the plan's inputs; the dataset's folder is not written.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from pairgen.execution.forecast.cost import ShardTime, spread_tasks
from pairgen.execution.worker import make_shard
from pairgen.kinds.maker import Maker
from pairgen.process_state import cpu_threads
from pairgen.receipts import FailedSlot
from pairgen.shards.check.planned import PlannedInputs
from pairgen.shards.format import layout
from pairgen.shards.format.codec import encode_facts, encode_field
from pairgen.shards.format.writer import member_size
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, Sample, ShardTask

# Slots whose texts are measured, in runs: single ones could all hit the same position of a list
# that repeats, such as a list of labels.
NUM_TEXTS = 4096
TEXTS_OF_A_RUN = 64
# Slots of the shard whose publishing is timed, and how often; more would only use memory. The last
# run may exceed the byte limit.
MAX_PUBLISHED = 64
MAX_PUBLISHED_BYTES = 64 * 1024**2
NUM_PUBLISHED = 5


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Measurements of slots that were made in runs.

    Attributes:
        results: Results of the first runs: at most `MAX_PUBLISHED`, and enough for
            `MAX_PUBLISHED_BYTES`.
        num_slots: Number of slots tried.
        num_samples: Number of samples made from them.
        num_skipped: Slots excluded by one of the user's thresholds.
        member_bytes: Extension to bytes in a tar, summed over all samples.
        run_seconds: Seconds of each run.
        preparing_seconds: Seconds of each run to prepare its shard, such as to encode its prompts;
            a part of `run_seconds`.
        first_seconds: Seconds of a run before all others, in which libraries load, tables are
            filled and a network is compiled.
    """

    results: Sequence[Sample | FailedSlot]
    num_slots: int
    num_samples: int
    num_skipped: int
    member_bytes: Mapping[str, int]
    run_seconds: Sequence[float]
    preparing_seconds: Sequence[float]
    first_seconds: float

    @property
    def warm_up_seconds(self) -> float:
        """Extra seconds of the first run, compared with the median."""
        usual = median(self.run_seconds) + median(self.preparing_seconds)
        return max(self.first_seconds - usual, 0.0)

    def batch_time(self, batch_size: int) -> ShardTime:
        """Return the time of padded batches, one per run, some of which may be short.

        On a GPU this includes host work that overlaps in a real shard, so it is slightly too long.
        """
        encoding = median(self.preparing_seconds)
        per_batch = max(median(self.run_seconds) - encoding, 0.0)
        return ShardTime(batch_size=batch_size, per_batch=per_batch, per_encoding=encoding)

    def slot_time(self) -> ShardTime:
        """Return the average time of a slot, for slots that differ and are not padded.

        Each run has prepared its whole shard, which a real run does once per shard.
        """
        making = max(sum(self.run_seconds) - sum(self.preparing_seconds), 0.0)
        return ShardTime(
            batch_size=1,
            per_batch=making / self.num_slots,
            per_shard=median(self.preparing_seconds),
        )


def make_runs(
    plan: Plan,
    maker: Maker,
    tasks: Sequence[ShardTask],
    on_slots: Callable[[int], None] = lambda _: None,
) -> Runs:
    """Make the samples of some tasks in memory.

    Args:
        plan: The dataset's plan.
        maker: The plan's maker.
        tasks: Tasks from `spread_tasks`; at least one.
        on_slots: Called with the number of slots done so far.

    Raises:
        PairgenError: The maker fails.
    """
    with cpu_threads(plan.execution["cpu_threads"]):
        return _make_runs(maker, tasks, on_slots)


def _make_runs(maker: Maker, tasks: Sequence[ShardTask], on_slots: Callable[[int], None]) -> Runs:
    # The last task, so that its image is not already cached for the measurement.
    start = time.perf_counter()
    maker.prepare(tasks[-1])
    for _ in maker.make(tasks[-1]):
        pass
    first_seconds = time.perf_counter() - start
    kept: list[Sample | FailedSlot] = []
    member_bytes: Counter[str] = Counter()
    num_slots = num_samples = num_skipped = 0
    run_seconds, preparing_seconds = [], []
    for task in tasks:
        start = time.perf_counter()
        maker.prepare(task)
        prepared = time.perf_counter()
        made = [result for results in maker.make(task) for result in results]
        preparing_seconds.append(prepared - start)
        run_seconds.append(time.perf_counter() - prepared)
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
        preparing_seconds=preparing_seconds,
        first_seconds=first_seconds,
    )


def bytes_per_slot(
    runs: Runs, inputs: PlannedInputs | None, tasks: Sequence[ShardTask]
) -> dict[str, float]:
    """Return the average bytes of each member in a tar.

    Texts vary more in length than other members, and are known without making anything: their size
    is averaged over slots from all over the tasks. Without a list of inputs, a text is as any other
    member.
    """
    found = {name: size / runs.num_slots for name, size in runs.member_bytes.items()}
    if inputs is None or "txt" not in found:
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
    """Cost of publishing, as (per shard, per slot).

    Attributes:
        seconds: Seconds to write, index, sync, hash and publish.
        meta_bytes: Bytes of the index and of the receipt, which the manifest repeats.
    """

    seconds: tuple[float, float]
    meta_bytes: tuple[float, float]


def publish_again(plan: Plan, store: Store, maker: Maker, results: Sequence[Any]) -> Published:
    """Publish finished results several times and measure the cost.

    In a real shard, writing overlaps with making, so for large samples this is too long.

    Args:
        plan: The dataset's plan.
        store: A temporary folder.
        maker: The maker of the results.
        results: Samples and failed slots, at least one.
    """
    # Slots of one shard now: a receipt names no others.
    results = [
        replace(each, index=slot) if isinstance(each, FailedSlot) else each
        for slot, each in enumerate(results)
    ]
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
    """Return the fixed cost and the cost per item, from the costs of one and of `num` items."""
    each = max(of_all - of_one, 0.0) / max(num - 1, 1)
    return max(of_one - each, 0.0), each


@dataclass
class _MadeAlready:
    """A maker that returns finished results."""

    results: Sequence[Sample | FailedSlot]
    device: str
    modules: Sequence[str]
    index_columns: Mapping[str, Any]

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        """Yield all results at once."""
        del task
        yield list(self.results)


def _member_bytes(sample: Sample) -> dict[str, int]:
    """Return the bytes of each member of a sample in a tar."""
    members = {name: member_size(len(encode_field(each))) for name, each in sample.fields.items()}
    return {**members, "json": member_size(len(encode_facts(sample.facts)))}

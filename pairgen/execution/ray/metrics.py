"""What a run on Ray reports to the cluster's metrics, which Prometheus collects on each node."""

from typing import Any

from ray.util.metrics import Counter, Gauge

from pairgen.execution.events import Events
from pairgen.receipts import Receipt
from pairgen.types import ShardTask

# As Prometheus shows them, they begin with `ray_`, and counters end with `_total`.
SHARDS, SAMPLES, FAILED, LOST = (
    "pairgen_shards",
    "pairgen_samples",
    "pairgen_failed_slots",
    "pairgen_lost_workers",
)
WORKERS, BUSY, UPLOADS = "pairgen_workers", "pairgen_busy_workers", "pairgen_upload_queue"
TAGS = ("dataset",)


class MetricEvents:
    """Passes on what an executor reports, and counts it.

    The tag `dataset`, the beginning of the plan's fingerprint, tells runs of one cluster apart.

    Args:
        events: Callbacks that are told as well.
        fingerprint: The plan's fingerprint.
    """

    def __init__(self, events: Events, fingerprint: str) -> None:
        self._events = events
        self._tags = {TAGS[0]: fingerprint[:12]}
        self._workers: set[str] = set()
        self._busy: set[str] = set()
        self._uploads: set[tuple[str, int]] = set()
        self._shards = Counter(SHARDS, "Finished shards.", TAGS)
        self._samples = Counter(SAMPLES, "Samples of finished shards.", TAGS)
        self._failed = Counter(FAILED, "Slots of finished shards without a sample.", TAGS)
        self._lost = Counter(LOST, "Workers that died or gave up.", TAGS)
        self._num_workers = Gauge(WORKERS, "Workers that have taken a shard.", TAGS)
        self._num_busy = Gauge(BUSY, "Workers that are making a shard.", TAGS)
        self._num_uploads = Gauge(UPLOADS, "Shards on their way into a store.", TAGS)

    def started(self, worker: str, task: ShardTask) -> None:
        """A worker took a task."""
        self._workers.add(worker)
        self._busy.add(worker)
        self._show_workers()
        self._events.started(worker, task)

    def advanced(self, worker: str, num_done: int) -> None:
        """A worker has done `num_done` slots of its task."""
        self._events.advanced(worker, num_done)

    def finished(self, worker: str, result: Any) -> None:
        """A worker finished its task."""
        # A job that checks shards has other results.
        if not isinstance(result, Receipt) or not self._has_uploaded(worker, result.shard_index):
            self._busy.discard(worker)
        self._show_workers()
        if isinstance(result, Receipt):
            _add(self._shards, 1, self._tags)
            _add(self._samples, result.count, self._tags)
            _add(self._failed, len(result.failed), self._tags)
        self._events.finished(worker, result)

    def uploading(self, worker: str, task: ShardTask) -> None:
        """A worker has made its shard and uploads it."""
        self._busy.discard(worker)
        self._uploads.add((worker, task.shard_index))
        self._show_workers()
        self._events.uploading(worker, task)

    def upload_ended(self, worker: str, task: ShardTask) -> None:
        """An upload ended without a result."""
        self._has_uploaded(worker, task.shard_index)
        self._show_workers()
        self._events.upload_ended(worker, task)

    def lost(self, worker: str, reason: str) -> None:
        """A worker died; its task goes to another worker."""
        self._busy.discard(worker)
        self._workers.discard(worker)
        self._show_workers()
        _add(self._lost, 1, self._tags)
        self._events.lost(worker, reason)

    def ended(self, worker: str) -> None:
        """A worker ended its task without a result."""
        self._busy.discard(worker)
        self._show_workers()
        self._events.ended(worker)

    def note(self, message: str) -> None:
        """Print a message for the user."""
        self._events.note(message)

    def close(self) -> None:
        """Nobody works any more: a gauge keeps its last value."""
        self._workers.clear()
        self._busy.clear()
        self._uploads.clear()
        self._show_workers()

    def _has_uploaded(self, worker: str, shard_index: int) -> bool:
        """Take a shard off the queue; return whether it was there."""
        was_there = (worker, shard_index) in self._uploads
        self._uploads.discard((worker, shard_index))
        return was_there

    def _show_workers(self) -> None:
        self._num_workers.set(len(self._workers), self._tags)
        self._num_busy.set(len(self._busy), self._tags)
        self._num_uploads.set(len(self._uploads), self._tags)


def _add(counter: Counter, number: int, tags: dict[str, str]) -> None:
    # A counter of Ray refuses 0.
    if number:
        counter.inc(number, tags)

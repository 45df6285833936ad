"""Executors: where tasks run. This module holds the serial one, which runs them in this process.

An executor is a function `run(job, tasks, events, stop)`. It may run a task more than once and in
any order; receipts make that harmless. Once `stop` is set, it hands out no more tasks, waits for
those in progress, and returns. If it came with a notice, it drops those that cannot end in time.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from pairgen.execution.stopping import Dropped, dropping
from pairgen.types import ShardTask


class TaskWorker(Protocol):
    """Runs one task after another and keeps what it has loaded.

    Attributes:
        device: Name of the device that it computes on.
    """

    device: str

    def run(self, task: ShardTask, on_samples: Callable[[int], None]) -> Any:
        """Run a task, report slots done to `on_samples`, and return the result."""


class AnyJob(Protocol):
    """What a worker needs to start: plain data, cheap to send. Jobs make shards or check them."""

    @property
    def cpu_threads(self) -> int:
        """Number of CPU threads per worker."""
        ...

    def open(self) -> TaskWorker:
        """Load what the tasks need."""
        ...


class Events(Protocol):
    """Callbacks through which an executor reports what happens."""

    def started(self, worker: str, task: ShardTask) -> None:
        """A worker took a task."""
        ...

    def advanced(self, worker: str, num_done: int) -> None:
        """A worker has done `num_done` slots of its task."""
        ...

    def finished(self, worker: str, result: Any) -> None:
        """A worker finished its task; the result of a job that makes shards is the receipt."""
        ...

    def lost(self, worker: str, reason: str) -> None:
        """A worker died; its task goes to another worker."""
        ...

    def ended(self, worker: str) -> None:
        """A worker ended its task without a result: another had it first, or it was dropped."""
        ...

    def note(self, message: str) -> None:
        """Print a message for the user."""
        ...


def run_serial(
    job: AnyJob, tasks: Sequence[ShardTask], events: Events, stop: threading.Event
) -> None:
    """Run the tasks in this process.

    Raises:
        PairgenError: The teacher cannot be loaded, or a batch does not fit.
        OSError: The disk is full or gone.
    """
    name = "worker 0"
    worker = job.open()
    for task in tasks:
        if stop.is_set():
            return
        events.started(name, task)
        advance = dropping(stop, task.num_slots, partial(events.advanced, name))
        try:
            result = worker.run(task, advance)
        except Dropped:
            events.ended(name)
            events.note(f"Shard {task.shard_index:05d} is dropped: it would not be done in time.")
            return
        events.finished(name, result)

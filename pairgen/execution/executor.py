"""Executors: where tasks run. This one runs them here, one after the other.

An executor is a function `run(job, tasks, events, stop)`. It may run a task more than once and in
any order; receipts make that harmless. When `stop` is set it hands out no more tasks, lets those
in work finish, and returns.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pairgen.types import ShardTask


class TaskWorker(Protocol):
    """Runs one task after the other; what it has loaded stays loaded.

    Attributes:
        device: Name of what it computes on.
    """

    device: str

    def run(self, task: ShardTask, on_samples: Callable[[int], None]) -> Any:
        """Run a task, tell how many slots are done, and return what `Events.finished` is told."""


class AnyJob(Protocol):
    """What workers need to start: plain data, cheap to ship. One makes shards, one checks them."""

    @property
    def cpu_threads(self) -> int:
        """Threads of a worker."""
        ...

    def open(self) -> TaskWorker:
        """Load what the tasks need."""
        ...


class Events(Protocol):
    """What an executor tells while it runs."""

    def started(self, worker: str, task: ShardTask) -> None:
        """A worker took a task."""
        ...

    def advanced(self, worker: str, num_done: int) -> None:
        """A worker has done `num_done` slots of its task."""
        ...

    def finished(self, worker: str, result: Any) -> None:
        """A worker's task is done; a job that makes shards gives their receipts."""
        ...

    def lost(self, worker: str, reason: str) -> None:
        """A worker is gone; its task goes to another."""
        ...

    def note(self, message: str) -> None:
        """Something the user should know."""
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
        result = worker.run(task, lambda num_done: events.advanced(name, num_done))
        events.finished(name, result)

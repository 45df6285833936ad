"""Executors: where tasks run. This one runs them here, one after the other.

An executor is a function `run(job, tasks, events, stop)`. It may run a task more than once and in
any order; receipts make that harmless. When `stop` is set it hands out no more tasks, lets those
in work finish, and returns.
"""

import threading
from collections.abc import Sequence
from typing import Protocol

from pairgen.generate.worker import Job, Worker
from pairgen.types import Receipt, ShardTask


class Events(Protocol):
    """What an executor tells while it runs."""

    def started(self, worker: str, task: ShardTask) -> None:
        """A worker took a task."""
        ...

    def advanced(self, worker: str, num_done: int) -> None:
        """A worker has done `num_done` slots of its task."""
        ...

    def finished(self, worker: str, receipt: Receipt) -> None:
        """A worker's shard is published."""
        ...

    def lost(self, worker: str, reason: str) -> None:
        """A worker is gone; its task goes to another."""
        ...

    def note(self, message: str) -> None:
        """Something the user should know."""
        ...


def run_serial(job: Job, tasks: Sequence[ShardTask], events: Events, stop: threading.Event) -> None:
    """Run the tasks in this process.

    Raises:
        PairgenError: The teacher cannot be loaded, or a batch does not fit.
        OSError: The disk is full or gone.
    """
    name = "worker 0"
    worker = Worker(job)
    for task in tasks:
        if stop.is_set():
            return
        events.started(name, task)
        receipt = worker.run(task, lambda num_done: events.advanced(name, num_done))
        events.finished(name, receipt)

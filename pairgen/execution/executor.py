"""Executors: where tasks run. This module holds the serial one, which runs them in this process.

An executor is a function `run(job, tasks, events, stop)`. It may run a task more than once and in
any order; receipts make that harmless. Once `stop` is set, it hands out no more tasks, waits for
those in progress, and returns. If it came with a notice, it drops those that cannot end in time.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

from pairgen.execution.events import Events
from pairgen.execution.stopping import Dropped, dropping
from pairgen.execution.uploads.pending_upload import PendingUpload
from pairgen.types import ShardTask


class TaskWorker(Protocol):
    """Runs one task after another and keeps what it has loaded.

    Attributes:
        device: Name of the device that it computes on.
    """

    device: str

    def run(self, task: ShardTask, on_samples: Callable[[int], None]) -> Any:
        """Run a task, report slots done to `on_samples`, and return the result.

        A result that still has to be uploaded is a `Future`. The worker can run the next task in
        the meantime, which then waits for it: one upload is pending at most.
        """


class AnyJob(Protocol):
    """What a worker needs to start: plain data, cheap to send. Jobs make shards or check them."""

    @property
    def cpu_threads(self) -> int:
        """Number of CPU threads per worker."""
        ...

    def open(self) -> TaskWorker:
        """Load what the tasks need."""
        ...


def run_serial(
    job: AnyJob, tasks: Sequence[ShardTask], events: Events, stop: threading.Event
) -> None:
    """Run the tasks in this process.

    Raises:
        PairgenError: The teacher cannot be loaded, a batch does not fit, or an upload fails.
        OSError: The disk is full or gone.
    """
    name = "worker 0"
    worker = job.open()
    left = deque(tasks)
    with PendingUpload(name, events, stop) as upload:
        while not stop.is_set():
            if not left:
                upload.wait()
            left.extend(upload.take_contested())
            if not left:
                return
            task = left.popleft()
            events.started(name, task)
            on_samples = upload.watched(partial(events.advanced, name))
            try:
                result = worker.run(task, dropping(stop, task.num_slots, on_samples))
            except Dropped:
                events.ended(name)
                number = f"{task.shard_index:05d}"
                events.note(f"Shard {number} is dropped: it would not be done in time.")
                return
            if isinstance(result, Future):
                upload.begin(task, result)
            else:
                events.finished(name, result)

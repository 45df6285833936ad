"""The code that runs in the process of a Ray actor; does not import Ray."""

import os
import socket
import threading
from typing import Any

from pairgen.execution.executor import AnyJob, TaskWorker
from pairgen.types import ShardTask


class ShardActor:
    """A worker in its own process that stays reachable while it works."""

    def __init__(self, job: AnyJob) -> None:
        self.job = job
        self.worker: TaskWorker | None = None
        self.num_done = 0
        self.lock = threading.Lock()

    def load(self) -> str:
        """Load what the tasks need; return a description of the process and its device.

        This is not done in `__init__`, where an error would look like a dead actor.
        """
        with self.lock:
            if self.worker is None:
                self.worker = self.job.open()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return (
            f"pid {os.getpid()} on {socket.gethostname()}, device {self.worker.device}, "
            f"CUDA_VISIBLE_DEVICES={visible}"
        )

    def run(self, task: ShardTask) -> Any:
        """Run one task."""
        # A driver that lost its connection may call twice: one GPU, one shard at a time.
        with self.lock:
            assert self.worker is not None
            self.num_done = 0
            return self.worker.run(task, self._advance)

    def status(self) -> int:
        """Return the number of slots done in the current shard."""
        return self.num_done

    def _advance(self, num_done: int) -> None:
        self.num_done = num_done

"""The upload that a worker of this process leaves behind while it makes its next shard."""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Event
from types import TracebackType
from typing import Any

from pairgen.execution.events import Events
from pairgen.execution.stopping import due_of
from pairgen.shards.format.publish import ShardContestedError
from pairgen.types import ShardTask

# A notice may come while nothing else is left to do.
SECONDS_BETWEEN_LOOKS = 0.2


class PendingUpload:
    """At most one upload; what becomes of it is told when it is looked at.

    Leaving it as a context waits for the upload, unless the user has interrupted.

    Args:
        worker: Name of the worker.
        events: Callbacks that are told.
        stop: The request to stop; after the end of a notice, nothing is waited for.
    """

    def __init__(self, worker: str, events: Events, stop: Event) -> None:
        self._worker, self._events, self._stop = worker, events, stop
        self._now: tuple[ShardTask, Future[Any]] | None = None
        self._contested: list[ShardTask] = []

    def begin(self, task: ShardTask, result: "Future[Any]") -> None:
        """Take over an upload that has begun, after the end of the one before."""
        self.look()
        self._now = task, result
        self._events.uploading(self._worker, task)

    def watched(self, on_samples: Callable[[int], None]) -> Callable[[int], None]:
        """Wrap the callback of a task: it looks at the upload, too."""

        def advance(num_done: int) -> None:
            on_samples(num_done)
            self.look()

        return advance

    def look(self) -> None:
        """Tell of the upload if it has ended.

        Raises:
            Exception: It has failed.
        """
        if self._now is None or not self._now[1].done():
            return
        (task, result), self._now = self._now, None
        try:
            receipt = result.result()
        except ShardContestedError:
            self._events.upload_ended(self._worker, task)
            self._contested.append(task)
        except Exception:
            self._events.upload_ended(self._worker, task)
            raise
        else:
            self._events.finished(self._worker, receipt)

    def wait(self) -> None:
        """Wait for the upload until a notice ends.

        Raises:
            Exception: It has failed.
        """
        while self._now and not wait([self._now[1]], timeout=SECONDS_BETWEEN_LOOKS).done:
            if time.monotonic() > due_of(self._stop):
                (task, _), self._now = self._now, None
                self._events.upload_ended(self._worker, task)
                self._events.note(f"The upload of shard {task.shard_index:05d} is dropped.")
        self.look()

    def take_contested(self) -> list[ShardTask]:
        """Return the tasks to run again: other workers published different bytes meanwhile."""
        found, self._contested = self._contested, []
        return found

    def __enter__(self) -> "PendingUpload":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self.wait()
        elif isinstance(error, Exception):
            # The first error is the one to tell.
            with suppress(Exception):
                self.wait()

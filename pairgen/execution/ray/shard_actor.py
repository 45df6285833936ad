"""The code that runs in the process of a Ray actor; does not import Ray."""

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pairgen.errors import PairgenError, WorkerError, short
from pairgen.execution.executor import AnyJob, TaskWorker
from pairgen.execution.scheduling.fleet import Answer
from pairgen.execution.stopping import Dropped, Stop, dropping
from pairgen.receipts import Receipt
from pairgen.shards.format.publish import ShardContestedError
from pairgen.types import ShardTask

# For Ray to send the last result, before the process ends.
SECONDS_TO_ANSWER = 1.0


class ShardActor:
    """A worker in its own process that stays reachable while it works.

    Args:
        job: What it is to load.
        grace: Seconds from SIGTERM to the end of the process.
    """

    def __init__(self, job: AnyJob, grace: float) -> None:
        self.job = job
        self.grace = grace
        self.worker: TaskWorker | None = None
        self.num_done = 0
        self.is_busy = False
        self.uploads: dict[int, Future[Any]] = {}
        self.lock = threading.Lock()
        self.leaving = Stop()
        self.dropped_shard = -1
        # Ray creates actors in the main thread, and calls them in others. Its own handler would
        # end the process at some moment of the shard.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_notice)

    def load(self) -> str:
        """Load what the tasks need; return a description of the process and its device.

        This is not done in `__init__`, where an error would look like a dead actor.
        """
        with self.lock, _telling_where():
            if self.worker is None:
                self.worker = self.job.open()
        self._wait_for_the_end_if_leaving()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return (
            f"pid {os.getpid()} on {socket.gethostname()}, device {self.worker.device}, "
            f"CUDA_VISIBLE_DEVICES={visible}"
        )

    def run(self, task: ShardTask) -> Answer:
        """Run one task, unless the process is about to end."""
        # A driver that lost its connection may call twice: one GPU, one shard at a time.
        with self.lock:
            # An idle process that died was started anew, and has loaded nothing yet.
            if self.worker is None or self.leaving.is_set():
                return Answer(is_dropped=True, is_leaving=True)
            self.num_done, self.is_busy = 0, True
            advance = dropping(self.leaving, task.num_slots, lambda num: self._advance(task, num))
            try:
                with _telling_where():
                    result = self.worker.run(task, advance)
                if isinstance(result, Future):
                    self.uploads[task.shard_index] = result
                    return Answer(is_uploading=True)
            except Dropped:
                return Answer(is_dropped=True, is_leaving=self.leaving.is_set())
            finally:
                self.is_busy = False
                self._exit_if_leaving()
        was_made = self.num_done > 0 or not isinstance(result, Receipt)
        return Answer(result=result, was_made=was_made, is_leaving=self.leaving.is_set())

    def finish(self, task: ShardTask) -> Answer:
        """Return the result of a task whose upload was pending."""
        if task.shard_index not in self.uploads:
            # The process that had begun it is gone, and this one has loaded nothing yet.
            return Answer(is_dropped=True, is_leaving=True)
        try:
            result = self.uploads[task.shard_index].result()
        except ShardContestedError:
            return Answer(is_dropped=True, is_leaving=self.leaving.is_set())
        finally:
            del self.uploads[task.shard_index]
            self._exit_if_leaving()
        return Answer(result=result, is_leaving=self.leaving.is_set())

    def status(self) -> int:
        """Return the number of slots done in the current shard."""
        return self.num_done

    def drop(self, task: ShardTask) -> None:
        """End a task after the batch in work, without a result."""
        self.dropped_shard = task.shard_index

    def _advance(self, task: ShardTask, num_done: int) -> None:
        self.num_done = num_done
        if self.dropped_shard == task.shard_index:
            raise Dropped

    def _on_notice(self, _signal: int, _frame: FrameType | None) -> None:
        """Let the shard in work end if it can in time; end the process in any case."""
        self.leaving.give_notice(self.grace)
        _exit_in(self.grace if self.is_busy or self.uploads else SECONDS_TO_ANSWER)

    def _exit_if_leaving(self) -> None:
        if self.leaving.is_set() and not self.is_busy and not self.uploads:
            _exit_in(SECONDS_TO_ANSWER)

    def _wait_for_the_end_if_leaving(self) -> None:
        """Let the driver load another process instead of this one."""
        if self.leaving.is_set():
            time.sleep(self.grace + SECONDS_TO_ANSWER)


@contextmanager
def _telling_where() -> Iterator[None]:
    """Make a sentence of an exception that is not pairgen's; its traceback goes to the log.

    Raises:
        WorkerError: There was one.
    """
    try:
        yield
    except (PairgenError, OSError, Dropped, ShardContestedError):
        raise
    except Exception as error:
        traceback.print_exc()
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{last.filename}:{last.lineno}"
        process = f"pid {os.getpid()} on {socket.gethostname()}"
        raise WorkerError(
            f"{type(error).__name__}: {short(str(error)) or 'no message'} ({where}; {process}, "
            f"whose log has the whole traceback: {_log()})."
        ) from None


def _log() -> str:
    """Return where the process writes what it prints."""
    sys.stderr.flush()
    try:
        return os.readlink("/proc/self/fd/2")
    except OSError:
        return "standard error"


def _exit_in(seconds: float) -> None:
    """End the process as a crash would, after which Ray starts the actor anew elsewhere."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()

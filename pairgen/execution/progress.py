"""Show progress: items done, current and average rate, ETA, and one line per worker.

On a terminal, the lines are redrawn in place; elsewhere, one line is printed per minute.
"""

import sys
import time
from collections import deque
from collections.abc import Callable
from heapq import nsmallest
from operator import itemgetter
from typing import TextIO

from pairgen.receipts import Receipt
from pairgen.redaction import without_secrets
from pairgen.types import ShardTask
from pairgen.visible import visible

SECONDS_BETWEEN_LINES = 60.0
SECONDS_BETWEEN_REDRAWS = 0.5
# Span of the current rate: a few shards of a slow teacher, a moment of a fast one.
SECONDS_OF_NOW = 30.0
MAX_WORKER_LINES = 8


class Progress:
    """Counts what executors report and prints it.

    Args:
        num_planned: Number of items in total; 0 if unknown.
        num_before: Number of items done before this run.
        unit: What the items are called.
        stream: Where to print; None for stderr.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self,
        num_planned: int,
        num_before: int,
        unit: str = "samples",
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.num_planned = num_planned
        self.num_before = num_before
        self.unit = unit
        self.stream = stream or sys.stderr
        self.clock = clock
        self.num_finished = num_before
        self.workers: dict[str, tuple[ShardTask, int]] = {}
        # Made, but not published yet: the shards' slots, by worker and shard.
        self.uploads: dict[tuple[str, int], int] = {}
        # Kept as it changes: a sum over thousands of workers at each event would be most of the
        # driver's work.
        self._num_in_work = 0
        self._start = self._last_print = clock()
        self._history = deque([(self._start, num_before)])
        self._num_drawn_lines = 0
        self._redraws = self.stream.isatty()

    def turn_to(self, num_planned: int, unit: str) -> None:
        """Start counting other items, from 0."""
        self._erase()
        self.num_planned, self.unit = num_planned, unit
        self.num_before = self.num_finished = 0
        self._start = self._last_print = self.clock()
        self._history = deque([(self._start, 0)])

    @property
    def num_done(self) -> int:
        """Items done, including those of shards in progress."""
        return self.num_finished + self._num_in_work

    @property
    def mean_rate(self) -> float:
        """Items per second since this run started."""
        return (self.num_done - self.num_before) / max(self.clock() - self._start, 1e-9)

    @property
    def rate(self) -> float:
        """Items per second over the last half minute."""
        then, num_then = self._history[0]
        return max(0.0, (self.num_done - num_then) / max(self.clock() - then, 1e-9))

    def started(self, worker: str, task: ShardTask) -> None:
        """A worker took a task."""
        self._forget(worker)
        self.workers[worker] = (task, 0)
        self._tick()

    def advanced(self, worker: str, num_done: int) -> None:
        """A worker has finished `num_done` slots of its task."""
        if task := self._forget(worker):
            self.workers[worker] = (task, num_done)
            self._num_in_work += num_done
        self._tick()

    def finished(self, worker: str, receipt: Receipt) -> None:
        """A worker published its shard."""
        # Do not redraw yet: the worker gets its next task in a moment.
        if not self._forget_upload(worker, receipt.shard_index):
            self._forget(worker)
        self.num_finished += receipt.stop - receipt.start

    def uploading(self, worker: str, task: ShardTask) -> None:
        """A worker uploads its shard, whose slots count as done."""
        self._forget(worker)
        self.uploads[worker, task.shard_index] = task.num_slots
        self._num_in_work += task.num_slots
        self._tick()

    def upload_ended(self, worker: str, task: ShardTask) -> None:
        """An upload ended without a result."""
        self._forget_upload(worker, task.shard_index)

    def reached(self, num_finished: int) -> None:
        """Set the number of finished items, whoever finished them."""
        self.num_finished = num_finished
        self._tick()

    def lost(self, worker: str, reason: str) -> None:
        """A worker died; its task goes to another worker."""
        task = self._forget(worker)
        shard = f" while making shard {task.shard_index:05d}" if task else ""
        self.note(f"{worker} was lost{shard}: {reason}")

    def ended(self, worker: str) -> None:
        """A worker ended its task without a result."""
        self._forget(worker)

    def note(self, message: str) -> None:
        """Print a line that is not redrawn."""
        self._erase()
        print(visible(without_secrets(message)), file=self.stream, flush=True)
        self._tick()

    def close(self) -> None:
        """Erase the live lines; on other streams, print a last line."""
        if self._redraws:
            self._erase()
        elif self.num_done > self.num_before:
            print(self.line(), file=self.stream, flush=True)

    def line(self) -> str:
        """Return the progress as one line."""
        num_done = self.num_done
        percent = 100 * num_done / max(self.num_planned, 1)
        left = (self.num_planned - num_done) / self.mean_rate if self.mean_rate > 0 else None
        eta = "?" if left is None else format_seconds(left)
        rates = f"{self.rate:.2f}/s (average {self.mean_rate:.2f}/s)"
        if self.num_planned == 0:
            return f"{num_done:,} {self.unit}, {rates}"
        num_busy = len(self.workers)
        busy = f", {num_busy} worker{'s' * (num_busy > 1)} busy" if num_busy else ""
        return (
            f"{num_done:,} of {self.num_planned:,} {self.unit} ({percent:.1f} %), "
            f"{rates}, ETA {eta}{busy}"
        )

    def worker_lines(self) -> list[str]:
        """Return one line per worker, at most `MAX_WORKER_LINES` of them."""
        first = nsmallest(MAX_WORKER_LINES, self.workers.items(), key=itemgetter(0))
        lines = [
            f"  {worker}: shard {task.shard_index:05d}, {num_done} of {task.num_slots}"
            for worker, (task, num_done) in first
        ]
        hidden = len(self.workers) - len(lines)
        return [*lines, f"  and {hidden} more workers"] if hidden else lines

    def _forget(self, worker: str) -> ShardTask | None:
        """Take a worker off the list; return what it worked on."""
        task, num_done = self.workers.pop(worker, (None, 0))
        self._num_in_work -= num_done
        return task

    def _forget_upload(self, worker: str, shard_index: int) -> bool:
        """Take an upload off the list; return whether it was there."""
        num_slots = self.uploads.pop((worker, shard_index), None)
        self._num_in_work -= num_slots or 0
        return num_slots is not None

    def _tick(self) -> None:
        now = self.clock()
        self._history.append((now, self.num_done))
        while len(self._history) > 2 and now - self._history[1][0] >= SECONDS_OF_NOW:
            self._history.popleft()
        pause = SECONDS_BETWEEN_REDRAWS if self._redraws else SECONDS_BETWEEN_LINES
        if now - self._last_print < pause:
            return
        self._last_print = now
        if not self._redraws:
            print(self.line(), file=self.stream, flush=True)
            return
        self._erase()
        lines = [self.line(), *self.worker_lines()]
        print("\n".join(lines), file=self.stream, flush=True)
        self._num_drawn_lines = len(lines)

    def _erase(self) -> None:
        if self._num_drawn_lines:
            # Move up n lines, then clear to the end of the screen.
            print(f"\x1b[{self._num_drawn_lines}F\x1b[J", end="", file=self.stream, flush=True)
            self._num_drawn_lines = 0


def format_seconds(seconds: float) -> str:
    """Return a human-readable duration: `42 s`, `7 min`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"

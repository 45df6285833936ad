"""Show progress: items done, current and average rate, ETA, and one line per worker.

On a terminal and in a notebook, they are redrawn in place; elsewhere, one line is printed per
minute. What happens to workers is logged.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from heapq import nsmallest
from operator import itemgetter
from typing import TextIO

from pairgen.execution.display import State, find_display
from pairgen.receipts import Receipt
from pairgen.redaction import without_secrets
from pairgen.types import ShardTask
from pairgen.visible import visible
from pairgen.wording import counted

# Span of the current rate: a few shards of a slow teacher, a moment of a fast one.
SECONDS_OF_NOW = 30.0
MAX_WORKER_LINES = 8

log = logging.getLogger("pairgen")


class Progress:
    """Counts what executors report and shows it.

    Args:
        num_planned: Number of items in total; 0 if unknown.
        num_before: Number of items done before this run.
        unit: What the items are called.
        stream: Where to print; None for stderr, or the notebook.
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
        self.display = find_display(stream)
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

    def turn_to(self, num_planned: int, unit: str) -> None:
        """Start counting other items, from 0."""
        self.display.clear()
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
        if log.isEnabledFor(logging.DEBUG):
            _log_shard(worker, receipt)

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

    def note(self, message: str, level: int = logging.WARNING) -> None:
        """Log what the user must know, or with another level what they may want to."""
        self.display.clear()
        log.log(level, "%s", visible(without_secrets(message)))
        self._tick()

    def close(self) -> None:
        """Erase the live lines; elsewhere, show a last line."""
        self.display.close(self.state() if self.num_done > self.num_before else None)

    def state(self) -> State:
        """Return what is shown."""
        num_done, mean_rate = self.num_done, self.mean_rate
        left = (self.num_planned - num_done) / mean_rate if mean_rate > 0 else None
        is_known = self.num_planned > 0 and left is not None
        fields = {
            "done": num_done,
            "planned": self.num_planned or None,
            "unit": self.unit,
            "rate": round(self.rate, 4),
            "mean_rate": round(mean_rate, 4),
            "eta_seconds": round(left, 1) if is_known and left is not None else None,
            "workers_busy": len(self.workers),
        }
        return State(
            line=self.line(),
            workers=self.worker_lines(),
            num_done=num_done,
            num_planned=self.num_planned,
            fields=fields,
        )

    def line(self) -> str:
        """Return the progress as one line."""
        num_done = self.num_done
        percent = 100 * num_done / max(self.num_planned, 1)
        left = (self.num_planned - num_done) / self.mean_rate if self.mean_rate > 0 else None
        eta = "?" if left is None else format_seconds(left)
        rates = f"{self.rate:.2f}/s (average {self.mean_rate:.2f}/s)"
        if self.num_planned == 0:
            return f"{num_done:,} {_unit(self.unit, num_done)}, {rates}"
        num_busy = len(self.workers)
        busy = f", {counted(num_busy, 'worker')} busy" if num_busy else ""
        return (
            f"{num_done:,} of {self.num_planned:,} {_unit(self.unit, self.num_planned)} "
            f"({percent:.1f} %), "
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
        if now - self._last_print >= self.display.pause:
            self._last_print = now
            self.display.show(self.state())


def _unit(unit: str, num: int) -> str:
    """Return what is counted, for a number of it: `image scanned` for one of `images scanned`."""
    things, space, what = unit.partition(" ")
    return things.removesuffix("s") + space + what if num == 1 else unit


def _log_shard(worker: str, receipt: Receipt) -> None:
    seconds = receipt.made.get("seconds")
    fields = {
        "shard": receipt.shard_index,
        "samples": receipt.count,
        "failed": len(receipt.failed),
        "bytes": receipt.num_bytes,
        "seconds": seconds,
        "worker": worker,
    }
    took = "" if seconds is None else f" in {seconds:.1f} s"
    text = f"shard {receipt.shard_index:05d}: {counted(receipt.count, 'sample')}{took} by {worker}"
    log.debug("%s", text, extra={"event": "shard", "fields": fields})


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


def took_text(seconds: float, at_work: float) -> str:
    """Return how long a dataset took, and what of it was work: `3 min, 2 s of it at work`.

    Args:
        seconds: From the begin of its first shard to the end of its last.
        at_work: The part of it in which shards were made.
    """
    found, busy = format_seconds(seconds), format_seconds(at_work)
    return found if busy == found else f"{found}, {busy} of it at work"

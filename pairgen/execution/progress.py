"""Tell a person how a run goes: done of planned, rate now and mean, ETA, a line per worker.

On a terminal a block is redrawn in place; elsewhere one line a minute is printed.
"""

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

from pairgen.redaction import without_secrets
from pairgen.types import Receipt, ShardTask

SECONDS_BETWEEN_LINES = 60.0
SECONDS_BETWEEN_REDRAWS = 0.5
# "Now" means this long: a few shards of a slow teacher, a moment of a fast one.
SECONDS_OF_NOW = 30.0
MAX_WORKER_LINES = 8


class Progress:
    """Counts what executors report and prints it.

    Args:
        num_planned: Slots in the dataset; 0 when nobody knows.
        num_before: Slots that were done before this run.
        unit: What a slot is called.
        stream: Where lines go.
        clock: Seconds, monotonic.
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
        self._start = self._last_print = clock()
        self._history = deque([(self._start, num_before)])
        self._num_drawn_lines = 0
        self._redraws = self.stream.isatty()

    def turn_to(self, num_planned: int, unit: str) -> None:
        """Count something else from now on, from 0."""
        self._erase()
        self.num_planned, self.unit = num_planned, unit
        self.num_before = self.num_finished = 0
        self._start = self._last_print = self.clock()
        self._history = deque([(self._start, 0)])

    @property
    def num_done(self) -> int:
        """Slots done: of finished shards and of shards in work."""
        return self.num_finished + sum(num_done for _, num_done in self.workers.values())

    @property
    def mean_rate(self) -> float:
        """Slots a second since the start of this run."""
        return (self.num_done - self.num_before) / max(self.clock() - self._start, 1e-9)

    @property
    def rate(self) -> float:
        """Slots a second over the last half minute."""
        then, num_then = self._history[0]
        return max(0.0, (self.num_done - num_then) / max(self.clock() - then, 1e-9))

    def started(self, worker: str, task: ShardTask) -> None:
        """A worker took a task."""
        self.workers[worker] = (task, 0)
        self._tick()

    def advanced(self, worker: str, num_done: int) -> None:
        """A worker has done `num_done` slots of its task."""
        if worker in self.workers:
            self.workers[worker] = (self.workers[worker][0], num_done)
        self._tick()

    def finished(self, worker: str, receipt: Receipt) -> None:
        """A worker's shard is published."""
        # Nothing is drawn yet: in the next moment the worker has another task.
        self.workers.pop(worker, None)
        self.num_finished += receipt.stop - receipt.start

    def reached(self, num_finished: int) -> None:
        """So many are finished, whoever did it."""
        self.num_finished = num_finished
        self._tick()

    def lost(self, worker: str, reason: str) -> None:
        """A worker is gone; its task goes to another."""
        task = self.workers.pop(worker, None)
        shard = f" while making shard {task[0].shard_index:05d}" if task else ""
        self.note(f"{worker} was lost{shard}: {reason}")

    def note(self, message: str) -> None:
        """Print a line that stays."""
        self._erase()
        print(without_secrets(message), file=self.stream, flush=True)
        self._tick()

    def close(self) -> None:
        """Remove the live block; a last line stands on a stream that keeps lines."""
        if self._redraws:
            self._erase()
        elif self.num_done > self.num_before:
            print(self.line(), file=self.stream, flush=True)

    def line(self) -> str:
        """Return the one-line state."""
        num_done = self.num_done
        percent = 100 * num_done / max(self.num_planned, 1)
        left = (self.num_planned - num_done) / self.mean_rate if self.mean_rate > 0 else None
        eta = "?" if left is None else format_seconds(left)
        if self.num_planned == 0:
            return f"{num_done:,} {self.unit}, {self.rate:.2f}/s now, {self.mean_rate:.2f}/s mean"
        at_work = f", {len(self.workers)} at work" if self.workers else ""
        return (
            f"{num_done:,} of {self.num_planned:,} {self.unit} ({percent:.1f} %), "
            f"{self.rate:.2f}/s now, {self.mean_rate:.2f}/s mean, ETA {eta}{at_work}"
        )

    def worker_lines(self) -> list[str]:
        """Return a line for each worker, at most `MAX_WORKER_LINES` of them."""
        lines = [
            f"  {worker}: shard {task.shard_index:05d}, {num_done} of {task.num_slots}"
            for worker, (task, num_done) in sorted(self.workers.items())
        ]
        if len(lines) > MAX_WORKER_LINES:
            hidden = len(lines) - MAX_WORKER_LINES
            lines = [*lines[:MAX_WORKER_LINES], f"  and {hidden} more workers"]
        return lines

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
            # Up n lines, then clear to the end of the screen.
            print(f"\x1b[{self._num_drawn_lines}F\x1b[J", end="", file=self.stream, flush=True)
            self._num_drawn_lines = 0


def format_seconds(seconds: float) -> str:
    """Return a duration as a person says it: `42 s`, `7 min`, `3 h 20 min`, `2 d 4 h`."""
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

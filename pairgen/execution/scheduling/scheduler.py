"""Hands out tasks, runs stragglers twice near the end, and gives up workers that are silent.

Time is whatever the caller gives as `now`, in seconds. Each call costs the same for 10 and for
10,000 workers, but for `hopeless`, which looks at every run.
"""

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable

from pairgen.errors import PairgenError, WorkerError
from pairgen.execution.scheduling.measured import Measured
from pairgen.execution.scheduling.rules import Rules
from pairgen.execution.scheduling.task_run import Run
from pairgen.types import ShardTask

# One look a second comes to each of 10,000 runs within two minutes, and costs little.
MAX_RUNS_PER_LOOK = 100


class Scheduler:
    """The state of one run: which tasks are pending, running and done.

    A worker is idle once it has joined or ended a run, busy from `hand_out` on, and away after
    `died`, `leaves` and being given up until it joins again. While tasks are pending, a worker that
    has made a shard takes the next; the first run goes on behind that one until the upload ends.

    Args:
        tasks: The tasks, each with a `shard_index` of its own.
        rules: When a shard runs twice, and when a worker is given up.
    """

    def __init__(self, tasks: Iterable[ShardTask], rules: Rules) -> None:
        self.rules = rules
        self.measured = Measured()
        self._pending = deque(tasks)
        self._undone = {task.shard_index for task in self._pending}
        self._idle: deque[int] = deque()
        # In the order in which `look` comes to them.
        self._running: OrderedDict[int, Run] = OrderedDict()
        # Those of them that are uploaded, so that their worker may take another task.
        self._made: OrderedDict[int, Run] = OrderedDict()
        # Uploads of workers that run another task.
        self._behind: dict[int, list[Run]] = {}
        self._of_shard: dict[int, list[Run]] = {}
        # Runs of shards that nobody else makes, the oldest first.
        self._alone: OrderedDict[int, Run] = OrderedDict()
        # Workers that have made a shard since they joined.
        self._warm: set[int] = set()
        self._deaths: Counter[int] = Counter()
        self._errors: Counter[int] = Counter()

    @property
    def num_left(self) -> int:
        """Number of tasks without a result."""
        return len(self._undone)

    @property
    def num_running(self) -> int:
        """Number of tasks without a result that a worker runs."""
        return len(self._of_shard)

    def run_of(self, worker: int) -> Run | None:
        """Return what a worker runs."""
        return self._running.get(worker)

    def is_live(self, run: Run) -> bool:
        """Whether the worker is still expected to end this run."""
        return self._running.get(run.worker) is run

    def is_behind(self, run: Run) -> bool:
        """Whether it is uploaded while its worker runs another task, or is away."""
        return run in self._behind.get(run.worker, ())

    def joined(self, worker: int) -> None:
        """A worker has loaded what the tasks need."""
        self._warm.discard(worker)
        self._idle.append(worker)

    def hand_out(self, now: float) -> list[Run]:
        """Give idle workers pending tasks; near the end, second runs of those that take long."""
        begun = []
        while self._idle and (task := self._next_pending()):
            begun.append(self._begin(self._idle.popleft(), task, now, is_second=False))
        while self._made and (task := self._next_pending()):
            worker, _ = self._made.popitem(last=False)
            self._put_behind(worker)
            begun.append(self._begin(worker, task, now, is_second=False))
        while self._idle and (task := self._next_straggler(now)):
            begun.append(self._begin(self._idle.popleft(), task, now, is_second=True))
        return begun

    def made(self, run: Run, now: float) -> None:
        """A worker has made its shard and uploads it; it can take another task in the meantime."""
        run.is_made = True
        self.advanced(run, run.task.num_slots, now)
        self._made[run.worker] = run

    def advanced(self, run: Run, num_done: int, now: float) -> None:
        """A worker has done `num_done` slots of its task."""
        if num_done > run.num_done:
            run.num_done, run.last_news = num_done, now

    def finished(self, run: Run, now: float, *, is_measure: bool) -> tuple[bool, list[Run]]:
        """A worker has the result of its task, even if it was given up in the meantime.

        Args:
            run: The run.
            now: The time.
            is_measure: Whether the time tells how long a task takes: not if its result stood.

        Returns:
            Whether it is the first result, and the other runs of the task, which are to be ended.
        """
        shard = run.task.shard_index
        if is_measure and self._is_awaited(run):
            self._warm.add(run.worker)
            self.measured.add(now - run.start)
        self._end(run, is_idle=True)
        if shard not in self._undone:
            return False, []
        self._undone.remove(shard)
        self._alone.pop(shard, None)
        others = self._of_shard.pop(shard, [])
        for other in others:
            other.ended = now
        return True, others

    def dropped(self, run: Run) -> None:
        """A worker has ended its task without a result, as it was told to."""
        if self._end(run, is_idle=True):
            self._pending.appendleft(run.task)

    def died(self, run: Run) -> bool:
        """A worker died while it ran a task; return whether the task is pending again.

        Raises:
            PairgenError: The task has killed too many workers.
        """
        if not self._is_awaited(run):
            return False
        return self._took_its_worker(run)

    def leaves(self, worker: int) -> None:
        """A worker without a task is not to get another."""
        if worker in self._running:
            self._made.pop(worker, None)
            self._put_behind(worker)
        else:
            self._idle.remove(worker)

    def failed(self, run: Run, error: Exception) -> None:
        """A worker could not run a task; another tries.

        Raises:
            Exception: The error, if it is an expected one, or too many came with this task.
        """
        shard = run.task.shard_index
        was_wanted = self._is_awaited(run) and shard in self._undone
        is_pending = self._end(run, is_idle=True)
        if not was_wanted:
            return
        self._errors[shard] += 1
        # What a worker's code raises may be its machine's fault.
        is_expected = isinstance(error, PairgenError | OSError) and not (
            isinstance(error, WorkerError)
        )
        if is_expected or self._errors[shard] >= self.rules.max_errors:
            raise error from None
        if is_pending:
            self._pending.append(run.task)

    def look(self, now: float) -> tuple[list[Run], list[Run]]:
        """Look for runs that go wrong, at some of them each time, in turn.

        Returns:
            The runs given up, because they made no progress for too long; their workers are away.
            And those that take much longer than usual, each once.

        Raises:
            PairgenError: A task has taken too many workers.
        """
        overdue, slow = [], []
        usual, longest = self.measured.median, self.measured.longest
        warm, cold = self._silence_allowed(longest), self.rules.first_silence
        slow_limit = self._slow_limit(usual)
        for _ in range(min(len(self._running), MAX_RUNS_PER_LOOK)):
            run = next(iter(self._running.values()))
            self._running.move_to_end(run.worker)
            silence = now - (run.last_news if run.ended is None else run.ended)
            if silence > (warm if run.worker in self._warm else cold):
                overdue.append(run)
            elif now - run.start > slow_limit and not run.is_named and run.ended is None:
                run.is_named = True
                slow.append(run)
        for run in overdue:
            self._took_its_worker(run)
        return overdue, slow

    def hopeless(self, now: float, due: float) -> list[Run]:
        """Return the runs that are not expected to end until `due`, to be ended now, each once."""
        found = [
            run
            for run in self._running.values()
            if run.ended is None and now + run.seconds_left(now, self.measured.median) > due
        ]
        for run in found:
            run.ended = now
        return found

    def _next_pending(self) -> ShardTask | None:
        while self._pending:
            task = self._pending.popleft()
            # A worker that was given up may have had the result after all.
            if task.shard_index in self._undone:
                return task
        return None

    def _next_straggler(self, now: float) -> ShardTask | None:
        median = self.measured.median
        oldest = next(iter(self._alone.values()), None)
        if median is None or oldest is None:
            return None
        limit = max(self.rules.second_run_floor, self.rules.second_run_factor * median)
        return oldest.task if now - oldest.start > limit else None

    def _begin(self, worker: int, task: ShardTask, now: float, *, is_second: bool) -> Run:
        run = Run(worker, task, now, is_second)
        self._running[run.worker] = run
        self._of_shard.setdefault(task.shard_index, []).append(run)
        if is_second:
            del self._alone[task.shard_index]
        else:
            self._alone[task.shard_index] = run
        return run

    def _end(self, run: Run, *, is_idle: bool) -> bool:
        """Take a run off its worker; return whether nobody runs or has done its task any more."""
        if self.is_behind(run):
            self._behind[run.worker].remove(run)
        elif self.is_live(run):
            self._made.pop(run.worker, None)
            del self._running[run.worker]
            if is_idle:
                self._free(run.worker)
        else:
            return False
        shard = run.task.shard_index
        runs = self._of_shard.get(shard)
        if runs is None or run not in runs:
            return False
        runs.remove(run)
        if runs:
            self._alone[shard] = runs[0]
            self._alone.move_to_end(shard, last=False)
            return False
        del self._of_shard[shard]
        self._alone.pop(shard, None)
        return True

    def _is_awaited(self, run: Run) -> bool:
        return self.is_live(run) or self.is_behind(run)

    def _free(self, worker: int) -> None:
        """Let a worker have another task, or turn back to its upload, which may get stuck too."""
        if behind := self._behind.get(worker):
            self._running[worker] = self._made[worker] = behind.pop()
        else:
            self._idle.append(worker)

    def _put_behind(self, worker: int) -> None:
        self._behind.setdefault(worker, []).append(self._running.pop(worker))

    def _took_its_worker(self, run: Run) -> bool:
        shard = run.task.shard_index
        was_wanted = shard in self._undone
        is_pending = self._end(run, is_idle=False)
        if not was_wanted:
            return False
        self._deaths[shard] += 1
        if self._deaths[shard] >= self.rules.max_deaths:
            raise PairgenError(
                f"Shard {shard:05d} killed {self.rules.max_deaths} workers; "
                "see the Ray logs for the cause."
            )
        if is_pending:
            self._pending.appendleft(run.task)
        return is_pending

    def _silence_allowed(self, longest: float | None) -> float:
        """Return after which silence a worker that has made a shard is given up."""
        if longest is None:
            return self.rules.first_silence
        return max(self.rules.silence_floor, self.rules.silence_factor * longest)

    def _slow_limit(self, usual: float | None) -> float:
        """Return after which time a run is named as slow."""
        if usual is None:
            return math.inf
        return max(self.rules.slow_floor, self.rules.slow_factor * usual)

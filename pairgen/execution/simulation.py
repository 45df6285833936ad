"""The executor in virtual time: the real driver and scheduler, with workers that only take time.

A day of a thousand GPUs takes seconds. Losses, stragglers and workers that hang come from a
`World`; what the driver itself costs is measured.
"""

import heapq
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from pairgen.execution.events import Events
from pairgen.execution.scheduling.driver import SECONDS_BETWEEN_LOOKS, Driver
from pairgen.execution.scheduling.fleet import Answer, Died
from pairgen.execution.scheduling.rules import Rules
from pairgen.execution.scheduling.scheduler import Scheduler
from pairgen.execution.scheduling.task_run import Run
from pairgen.types import ShardTask

DEFAULT_RULES = Rules()


class World(Protocol):
    """How long things take, in seconds; infinity for never."""

    def load_seconds(self, worker: int) -> float:
        """From a start of a worker until it has loaded."""
        ...

    def run_seconds(self, worker: int, task: ShardTask) -> float:
        """From a task's begin to its end; infinity if the worker hangs."""
        ...

    def drop_seconds(self, worker: int) -> float:
        """From the request to end a task to its end."""
        ...

    def seconds_to_loss(self, worker: int) -> float:
        """From a load to the loss of the worker's machine."""
        ...

    def seconds_to_return(self, worker: int) -> float:
        """From a loss to the start on another machine."""
        ...


@dataclass
class Simulated:
    """What came out.

    Attributes:
        order: Worker, shard and time of each first result, in order.
        seconds: From the start of the workers to the last result.
        driver_seconds: Processor seconds of the driver.
        up_seconds: Seconds that workers were loaded and alive, until the end.
        useful_seconds: Seconds of the runs that had the first result.
        idle_at_end: Seconds that workers were loaded and alive without a task that counts, after
            the last one each of them had.
        num_losses: Machines lost.
        num_second_runs: Runs of a shard that another worker was making.
        num_given_up: Workers that were started anew because they were silent.
    """

    order: list[tuple[int, int, float]] = field(default_factory=list)
    seconds: float = 0.0
    driver_seconds: float = 0.0
    up_seconds: float = 0.0
    useful_seconds: float = 0.0
    idle_at_end: float = 0.0
    num_losses: int = 0
    num_second_runs: int = 0
    num_given_up: int = 0

    @property
    def efficiency(self) -> float:
        """Share of the time of loaded workers that went into results."""
        return self.useful_seconds / self.up_seconds

    @property
    def tail_waste(self) -> float:
        """Share of the time of loaded workers that was lost because nothing was left to do."""
        return self.idle_at_end / self.up_seconds


@dataclass(eq=False)
class _Worker:
    """A simulated worker; what was expected in an earlier life does not happen."""

    life: int = 0
    up_since: float | None = None
    run: Run | None = None
    is_hung: bool = False
    returns_in: float = 0.0
    free_since: float = 0.0


class _VirtualFleet:
    """Workers whose answers lie in the future, in a heap."""

    def __init__(self, world: World, result: Simulated) -> None:
        self.now = 0.0
        self.driver: Driver
        self.workers: list[_Worker] = []
        self._world, self._result = world, result
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def next(self) -> Callable[[], None]:
        """Go to the next moment at which anything happens; return what."""
        self.now, _, act = heapq.heappop(self._heap)
        return act

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Have something happen, unless it never does."""
        if seconds < math.inf:
            heapq.heappush(self._heap, (self.now + seconds, next(self._numbers), act))

    def add(self, number: int, num_workers: int) -> None:
        """Start a worker; it loads when it is told to."""
        del num_workers
        assert number == len(self.workers)
        self.workers.append(_Worker())

    def load(self, number: int) -> None:
        """Load, then live until the machine is lost."""
        worker = self.workers[number]
        worker.life += 1
        seconds = worker.returns_in + self._world.load_seconds(number)
        worker.returns_in = 0.0
        self._unless_over(number, seconds, lambda: self._loaded(number))

    def run(self, run: Run) -> None:
        """Run a task to its end, if nothing comes in between."""
        self._result.num_second_runs += run.is_second
        worker = self.workers[run.worker]
        worker.run = run
        seconds = self._world.run_seconds(run.worker, run.task)
        worker.is_hung = seconds == math.inf
        self._unless_over(run.worker, seconds, lambda: self._ran(run, Answer(result=run.task)))

    def finish(self, run: Run) -> None:
        """Do nothing: to upload is a part of the task's time in this simulation."""

    def ask(self, number: int, run: Run | None) -> None:
        """Answer nothing: tasks of this simulation tell no progress."""

    def drop(self, run: Run) -> None:
        """End a task without a result; a worker that hangs does not hear it."""
        if self.workers[run.worker].is_hung:
            return
        seconds = self._world.drop_seconds(run.worker)
        self._unless_over(run.worker, seconds, lambda: self._ran(run, Answer(is_dropped=True)))

    def restart(self, number: int) -> None:
        """End a process, whose call fails then."""
        self._result.num_given_up += 1
        self._end_life(number, 0.0)

    def look(self) -> None:
        """Let the driver look around, now and once a second."""
        with self._timed():
            self.driver.look_around(self.now)
        self.after(SECONDS_BETWEEN_LOOKS, self.look)

    def hand_out(self) -> None:
        """Let the driver give idle workers tasks."""
        with self._timed():
            self.driver.hand_out(self.now)

    def close(self) -> None:
        """Count the time of all workers up to now."""
        self._result.seconds = self.now
        for number, worker in enumerate(self.workers):
            if worker.up_since is not None:
                self._result.idle_at_end += self.now - worker.free_since
            self._count_up(number)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.thread_time()
        yield
        self._result.driver_seconds += time.thread_time() - start

    def _loaded(self, number: int) -> None:
        worker = self.workers[number]
        worker.up_since = worker.free_since = self.now
        self._unless_over(number, self._world.seconds_to_loss(number), lambda: self._lost(number))
        with self._timed():
            self.driver.on_loaded(number, "here", self.now)

    def _ran(self, run: Run, answer: Answer) -> None:
        worker = self.workers[run.worker]
        # A task may end between the request to drop it and the drop.
        if worker.run is run:
            worker.run = None
            self._told(run, answer)

    def _told(self, run: Run, answer: Answer | Died) -> None:
        num_left = self.driver.scheduler.num_left
        with self._timed():
            self.driver.on_ran(run, answer, self.now)
        if self.driver.scheduler.num_left < num_left:
            self._result.order.append((run.worker, run.task.shard_index, self.now))
            self._result.useful_seconds += self.now - run.start
            self.workers[run.worker].free_since = self.now

    def _lost(self, number: int) -> None:
        self._result.num_losses += 1
        self._end_life(number, self._world.seconds_to_return(number))

    def _end_life(self, number: int, returns_in: float) -> None:
        """End what a worker does; its driver hears so from the call that waits for it."""
        worker = self.workers[number]
        self._count_up(number)
        worker.life += 1
        worker.returns_in = returns_in
        run, worker.run = worker.run, None
        if run is None:
            # The driver would notice with the next task, and lose a moment.
            self.driver.scheduler.leaves(number)
            self.after(0.0, lambda: self.load(number))
        else:
            self.after(0.0, lambda: self._told(run, Died("lost")))

    def _unless_over(self, number: int, seconds: float, act: Callable[[], None]) -> None:
        life = self.workers[number].life

        def if_alive() -> None:
            if self.workers[number].life == life:
                act()

        self.after(seconds, if_alive)

    def _count_up(self, number: int) -> None:
        worker = self.workers[number]
        if worker.up_since is not None:
            self._result.up_seconds += self.now - worker.up_since
            worker.up_since = None


def simulate(
    tasks: Iterable[ShardTask],
    num_workers: int,
    world: World,
    events: Events,
    rules: Rules = DEFAULT_RULES,
) -> Simulated:
    """Run tasks in virtual time.

    Args:
        tasks: The tasks.
        num_workers: Number of workers; all start at 0.
        world: How long things take.
        events: What the driver reports to.
        rules: Of the scheduling.

    Raises:
        PairgenError: A shard has taken too many workers.
    """
    result = Simulated()
    fleet = _VirtualFleet(world, result)
    driver = Driver(fleet, Scheduler(tasks, rules), events, 0.0)
    fleet.driver = driver
    driver.add_workers(num_workers, {"GPU": float(num_workers)})
    fleet.look()
    while driver.scheduler.num_left:
        fleet.next()()
        fleet.hand_out()
    fleet.close()
    return result

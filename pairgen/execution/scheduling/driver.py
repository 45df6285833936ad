"""Drives workers through the tasks of a run: what follows from each answer, and from silence.

It knows neither Ray nor the clock: a simulation drives its workers with the same code.
"""

import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from pairgen.errors import PairgenError
from pairgen.execution.events import Events
from pairgen.execution.scheduling import notes
from pairgen.execution.scheduling.fleet import Answer, Died, Failed, Fleet
from pairgen.execution.scheduling.scheduler import Scheduler
from pairgen.execution.scheduling.task_run import Run
from pairgen.receipts import Receipt

MAX_DEATHS_BEFORE_LOAD = 10
SECONDS_BETWEEN_LOOKS = 1.0
# Calls to a worker fail at once while it cannot be started; without a head, until that is noticed.
SECONDS_BETWEEN_LOADS = 6.0
SECONDS_BETWEEN_STATUS_CALLS = 2.0
# Of all workers together: a call costs the driver up to a millisecond.
MAX_STATUS_CALLS_PER_LOOK = 20
SECONDS_UNTIL_SILENCE_NOTE, SECONDS_BETWEEN_SILENCE_NOTES = 30.0, 60.0


@dataclass(eq=False)
class Seat:
    """A worker, as the driver sees it.

    Attributes:
        number: Its number.
        is_asked: Whether an answer about its progress is pending.
        asked_at: When it was asked last.
        up_since: When its process first answered, while it loads; else None.
        num_deaths_before_load: Deaths since it was loaded last.
    """

    number: int
    is_asked: bool = False
    asked_at: float = -math.inf
    up_since: float | None = None
    num_deaths_before_load: int = 0

    @property
    def name(self) -> str:
        """What the user reads."""
        return f"worker {self.number}"


class Driver:
    """The state of one run on a fleet.

    Args:
        fleet: The workers.
        scheduler: The tasks, and who runs them.
        events: What the user sees.
        now: The time.
    """

    def __init__(self, fleet: Fleet, scheduler: Scheduler, events: Events, now: float) -> None:
        self.scheduler = scheduler
        self.devices: Counter[str] = Counter()
        self._fleet, self._events = fleet, events
        self._seats: list[Seat] = []
        self._to_ask: deque[Seat] = deque()
        self._loading: set[Seat] = set()
        self._to_load: dict[Seat, float] = {}
        self._num_failed_loads = 0
        self._resources: Mapping[str, float] = {}
        self._last_answer = now
        self._silence_until_note = SECONDS_UNTIL_SILENCE_NOTE

    def add_workers(self, num_workers: int, resources: Mapping[str, float]) -> None:
        """Start workers up to a number. Those of nodes that are gone wait for new nodes.

        Args:
            num_workers: How many there are to be.
            resources: What the cluster has, for notes.
        """
        self._resources = resources
        for number in range(len(self._seats), num_workers):
            seat = Seat(number)
            self._seats.append(seat)
            self._to_ask.append(seat)
            self._fleet.add(number, num_workers)
            self._load(seat)

    def hand_out(self, now: float) -> None:
        """Give idle workers tasks."""
        for run in self.scheduler.hand_out(now):
            self._fleet.run(run)
            name = self._seats[run.worker].name
            if run.is_second:
                self._events.note(f"{name} makes shard {run.task.shard_index:05d} as well.")
            else:
                self._events.started(name, run.task)

    def look_around(self, now: float) -> None:
        """Do, every `SECONDS_BETWEEN_LOOKS`, what no answer brings about.

        Raises:
            PairgenError: A task has taken too many workers, or no worker answers any more.
        """
        overdue, slow = self.scheduler.look(now)
        for run in overdue:
            self._restart(self._seats[run.worker], notes.overdue(run, now))
        for run in slow:
            self._events.note(notes.slow(run, now, self.scheduler.measured.median or 0.0))
        for seat in [each for each in self._loading if self._is_stuck(each, now)]:
            self._restart(seat, "it does not load what it needs; it is started anew")
        for seat in [each for each, due in self._to_load.items() if now >= due]:
            del self._to_load[seat]
            self._load(seat)
        self._ask_for_status(now)
        self._look_at_silence(now)

    def _look_at_silence(self, now: float) -> None:
        silence = now - self._last_answer
        is_stuck = silence > self.scheduler.rules.stuck_after
        if not is_stuck and silence <= self._silence_until_note:
            return
        seconds = silence if len(self._loading) < len(self._seats) else None
        told = notes.silence(seconds, self.scheduler.num_running, self._resources)
        if is_stuck:
            raise PairgenError(f"{told} {notes.STUCK}")
        self._silence_until_note += SECONDS_BETWEEN_SILENCE_NOTES
        self._events.note(told)

    def drop_hopeless(self, now: float, due: float) -> None:
        """End the runs that are not expected to be done in time."""
        for run in self.scheduler.hopeless(now, due):
            self._fleet.drop(run)

    def on_loaded(self, number: int, answer: "str | Died | Failed", now: float) -> None:
        """A worker has loaded what the tasks need; the answer says where it is.

        Raises:
            Exception: No worker can load it.
        """
        seat = self._seats[number]
        self._heard(now)
        if isinstance(answer, Failed):
            self._give_up(seat, answer.error)
        elif isinstance(answer, Died):
            seat.num_deaths_before_load += 1
            if seat.num_deaths_before_load >= MAX_DEATHS_BEFORE_LOAD:
                self._give_up(seat, PairgenError(f"it died while loading: {answer.reason}"))
            elif seat.num_deaths_before_load == 1:
                self._load(seat)
            else:
                self._to_load[seat] = now + SECONDS_BETWEEN_LOADS
        else:
            seat.num_deaths_before_load = 0
            self._loading.discard(seat)
            self._events.note(f"{seat.name}: {answer}")
            self.scheduler.joined(number)

    def on_ran(self, run: Run, answer: Answer | Died | Failed, now: float) -> None:
        """A worker has ended its task.

        Raises:
            Exception: The task failed in a way, or as often, as ends the run.
        """
        seat = self._seats[run.worker]
        self._heard(now)
        was_live = self.scheduler.is_live(run)
        if self.scheduler.is_behind(run):
            self._on_upload_behind(run, answer, now)
            return
        if isinstance(answer, Died):
            if run.is_made:
                self._tell_end(run)
            if self.scheduler.died(run):
                reason = "its process or node died; the shard goes to another worker"
                self._events.lost(seat.name, reason)
            elif was_live:
                self._events.lost(seat.name, "its process or node died")
            # It is started anew, here or on another node; it gets no task until it has loaded.
            self._load(seat)
            return
        if isinstance(answer, Failed):
            if run.is_made:
                self._tell_end(run)
            self.scheduler.failed(run, answer.error)
            if was_live and run.ended is None:
                self._events.lost(seat.name, f"{type(answer.error).__name__}: {answer.error}")
        elif answer.is_dropped:
            self.scheduler.dropped(run)
            self._tell_end(run)
        elif not answer.is_uploading:
            self._take(run, answer, now)
        elif was_live:
            self.scheduler.made(run, now)
            self._events.uploading(seat.name, run.task)
            self._fleet.finish(run)
        if was_live and not isinstance(answer, Failed) and answer.is_leaving:
            self.scheduler.leaves(run.worker)
            self._events.note(f"{seat.name} was told to end; another is started.")
        if not was_live or (not isinstance(answer, Failed) and answer.is_leaving):
            self._load(seat)

    def on_status(self, number: int, run: Run | None, answer: object, now: float) -> None:
        """A worker has told how many slots of its task are done."""
        seat = self._seats[number]
        seat.is_asked = False
        if not isinstance(answer, int):
            # The answer about the task reports the death.
            return
        self._heard(now)
        if seat in self._loading:
            seat.up_since = now if seat.up_since is None else seat.up_since
        elif run is not None and self.scheduler.is_live(run):
            self.scheduler.advanced(run, answer, now)
            self._events.advanced(seat.name, answer)

    def _on_upload_behind(self, run: Run, answer: Answer | Died | Failed, now: float) -> None:
        """An upload has ended whose worker runs another task, which tells what becomes of it."""
        if isinstance(answer, Answer) and not answer.is_dropped:
            self._take(run, answer, now)
            return
        self._tell_end(run)
        if isinstance(answer, Died):
            self.scheduler.died(run)
        elif isinstance(answer, Failed):
            self._events.note(f"Shard {run.task.shard_index:05d} was not uploaded: {answer.error}")
            self.scheduler.failed(run, answer.error)
        else:
            self.scheduler.dropped(run)

    def _tell_end(self, run: Run) -> None:
        name = self._seats[run.worker].name
        if run.is_made:
            self._events.upload_ended(name, run.task)
        else:
            self._events.ended(name)

    def _take(self, run: Run, answer: Answer, now: float) -> None:
        is_first, others = self.scheduler.finished(run, now, is_measure=answer.was_made)
        if not is_first:
            self._tell_end(run)
            return
        if isinstance(answer.result, Receipt):
            self.devices[str(answer.result.made.get("device", "unknown"))] += 1
        self._events.finished(self._seats[run.worker].name, answer.result)
        for other in others:
            self._tell_end(other)
            self._fleet.drop(other)

    def _heard(self, now: float) -> None:
        self._last_answer, self._silence_until_note = now, SECONDS_UNTIL_SILENCE_NOTE

    def _load(self, seat: Seat) -> None:
        seat.up_since = None
        self._loading.add(seat)
        self._fleet.load(seat.number)
        # What answers while it loads is a process, which may be stuck; what does not has no room.
        self._fleet.ask(seat.number, None)

    def _give_up(self, seat: Seat, error: Exception) -> None:
        """Go on without a worker that cannot load what it needs; stop if none can."""
        self._loading.discard(seat)
        self._num_failed_loads += 1
        self._events.lost(seat.name, str(error))
        if self._num_failed_loads == len(self._seats):
            raise error

    def _is_stuck(self, seat: Seat, now: float) -> bool:
        limit = self.scheduler.rules.first_silence
        return seat.up_since is not None and now - seat.up_since > limit

    def _restart(self, seat: Seat, reason: str) -> None:
        """End a process. Its unanswered call fails then, upon which it loads anew."""
        seat.up_since = None
        self._events.lost(seat.name, reason)
        self._fleet.restart(seat.number)

    def _ask_for_status(self, now: float) -> None:
        """Ask busy workers for their progress in turn, those whose answer is pending excepted."""
        num_calls = 0
        for _ in range(min(len(self._to_ask), 2 * MAX_STATUS_CALLS_PER_LOOK)):
            if num_calls == MAX_STATUS_CALLS_PER_LOOK:
                return
            seat = self._to_ask[0]
            self._to_ask.rotate(-1)
            run = self.scheduler.run_of(seat.number)
            if run and not seat.is_asked and now - seat.asked_at >= SECONDS_BETWEEN_STATUS_CALLS:
                seat.is_asked, seat.asked_at = True, now
                self._fleet.ask(seat.number, run)
                num_calls += 1

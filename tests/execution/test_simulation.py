"""The executor in virtual time: exact where times are, and as the real one where actors sleep."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.execution.test_ray_scheduling import Seen, run_sleepers

from pairgen.errors import PairgenError
from pairgen.execution.scheduling.rules import Rules
from pairgen.execution.simulation import Simulated, simulate
from pairgen.types import ShardTask
from tests.sleep_job import sleep_tasks


@dataclass
class Steady:
    """Each worker has its times; `stuck` are hung in their n-th task, `lost` after some time."""

    seconds: Sequence[float]
    loads: Sequence[float]
    stuck: tuple[tuple[int, int], ...] = ()
    lost: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        self.num_begun = [0] * len(self.seconds)
        self.to_lose = dict(self.lost)

    def load_seconds(self, worker: int) -> float:
        return self.loads[worker]

    def run_seconds(self, worker: int, task: ShardTask) -> float:
        self.num_begun[worker] += 1
        is_stuck = (worker, self.num_begun[worker]) in self.stuck
        return math.inf if is_stuck else self.seconds[worker]

    def drop_seconds(self, worker: int) -> float:
        return 0.1

    def seconds_to_loss(self, worker: int) -> float:
        return self.to_lose.pop(worker, math.inf)

    def seconds_to_return(self, worker: int) -> float:
        return 5.0


class Silent:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def started(self, worker: str, task: ShardTask) -> None: ...
    def advanced(self, worker: str, num_done: int) -> None: ...
    def finished(self, worker: str, result: object) -> None: ...
    def ended(self, worker: str) -> None: ...

    def lost(self, worker: str, reason: str) -> None:
        self.notes.append(f"{worker}: {reason}")

    def note(self, message: str) -> None:
        self.notes.append(message)


RULES = Rules(second_run_floor=1.0, slow_floor=1.0, silence_floor=40.0, first_silence=1000.0)


def test_two_workers_of_different_speed() -> None:
    made = simulate(sleep_tasks(5), 2, Steady((2.0, 3.0), (1.0, 1.0)), Silent(), RULES)
    assert made.order == [(0, 0, 3.0), (1, 1, 4.0), (0, 2, 5.0), (1, 3, 7.0), (0, 4, 7.0)]
    assert (made.seconds, made.up_seconds, made.useful_seconds) == (7.0, 12.0, 12.0)
    assert (made.efficiency, made.tail_waste) == (1.0, 0.0)


def test_the_tail_is_what_workers_wait_for_the_last() -> None:
    made = simulate(sleep_tasks(3), 2, Steady((2.0, 2.0), (0.0, 0.0)), Silent(), RULES)
    assert (made.seconds, made.idle_at_end) == (4.0, 2.0)
    assert made.tail_waste == 0.25


def test_a_worker_that_hangs_near_the_end_costs_a_second_run() -> None:
    world = Steady((2.0, 2.0), (0.0, 0.0), stuck=((1, 2),))
    made = simulate(sleep_tasks(4), 2, world, Silent(), RULES)
    assert sorted(shard for _, shard, _ in made.order) == [0, 1, 2, 3]
    # Begun at 2, it exceeds 1.5 times 2 s at the look after 5.
    assert (made.num_second_runs, made.seconds) == (1, 8.0)


def test_a_worker_that_hangs_alone_is_started_anew() -> None:
    world, seen = Steady((2.0,), (1.0,), stuck=((0, 2),)), Silent()
    made = simulate(sleep_tasks(3), 1, world, seen, RULES)
    assert made.num_given_up == 1
    assert [shard for _, shard, _ in made.order] == [0, 1, 2]
    assert any("worker 0: no progress for" in note for note in seen.notes)


def test_a_lost_machine_costs_its_shard_only() -> None:
    world = Steady((2.0, 2.0), (0.0, 0.0), lost=((1, 3.0),))
    made = simulate(sleep_tasks(6), 2, world, Silent(), RULES)
    assert made.num_losses == 1
    assert sorted(shard for _, shard, _ in made.order) == list(range(6))
    assert made.useful_seconds == 12.0


def test_a_shard_that_hangs_everywhere_ends_the_run() -> None:
    world = Steady((2.0,), (0.0,), stuck=tuple((0, n) for n in range(2, 30)))
    with pytest.raises(PairgenError, match="killed 10 workers"):
        simulate(sleep_tasks(2), 1, world, Silent(), RULES)


def test_the_same_draws_give_the_same_run() -> None:
    def run() -> Simulated:
        world = Steady((2.0, 2.5, 3.0), (0.0, 1.0, 2.0), lost=((0, 7.0),), stuck=((2, 3),))
        return simulate(sleep_tasks(40), 3, world, Silent(), RULES)

    assert run().order == run().order


@pytest.mark.slow
@pytest.mark.ray
def test_actors_that_sleep_do_what_the_simulation_says(tmp_path: Path, cluster: None) -> None:
    """The order of events, and what is lost at the end."""
    times, seen = (2.0, 3.1, 4.3), Seen()
    run_sleepers(tmp_path, times, 9, seen, rules=RULES)
    number = {w: r["number"] for (_, _, w, _), r in zip(finishes(seen), seen.results, strict=True)}
    begins = {}
    for now, what, worker, _shard in seen.times:
        if what == "started":
            begins.setdefault(int(worker.removeprefix("worker ")), now)
    start = min(begins.values())
    seconds = [times[number[f"worker {worker}"]] for worker in range(3)]
    loads = [begins[worker] - start for worker in range(3)]
    made = simulate(sleep_tasks(9), 3, Steady(seconds, loads), Silent(), RULES)
    real = [(int(w.removeprefix("worker ")), shard) for _, _, w, shard in finishes(seen)]
    assert real == [(worker, shard) for worker, shard, _ in made.order]
    end = max(now for now, *_ in finishes(seen))
    last = {worker: now for now, _, worker, _ in finishes(seen)}
    waste = sum(end - now for now in last.values()) / sum(end - now for now in begins.values())
    assert waste == pytest.approx(made.tail_waste, rel=0.1)


def finishes(seen: Seen) -> list[tuple[float, str, str, int]]:
    return [event for event in seen.times if event[1] == "finished"]

"""Actors that stand still, are told to end, or lose their head: the run ends all the same."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pairgen.execution.ray.executor import RayOptions, run_ray
from pairgen.execution.scheduling.rules import Rules
from pairgen.types import ShardTask
from tests.sleep_job import SleepJob, sleep_tasks

pytestmark = [pytest.mark.slow, pytest.mark.ray]

QUICK = Rules(second_run_floor=1.0, slow_floor=1.0, silence_floor=4.0, first_silence=40.0)


class Seen:
    """What an executor reported, with the time; `then` may act on each result."""

    def __init__(self, then: Any = lambda result: None) -> None:
        self.then = then
        self.results: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.times: list[tuple[float, str, str, int]] = []

    def started(self, worker: str, task: ShardTask) -> None:
        self.times.append((time.monotonic(), "started", worker, task.shard_index))

    def advanced(self, worker: str, num_done: int) -> None: ...

    def finished(self, worker: str, result: dict[str, Any]) -> None:
        self.results.append(result)
        self.times.append((time.monotonic(), "finished", worker, result["shard"]))
        self.then(result)

    def lost(self, worker: str, reason: str) -> None:
        self.said.append(f"{worker} was lost: {reason}")

    def ended(self, worker: str) -> None: ...

    def note(self, message: str) -> None:
        self.times.append((time.monotonic(), "note", message.partition(":")[0], -1))
        self.said.append(message)

    @property
    def shards(self) -> list[int]:
        return sorted(result["shard"] for result in self.results)


def run_sleepers(
    folder: Path, seconds: tuple[float, ...], num_tasks: int, seen: Seen, **options: Any
) -> None:
    given = {"num_workers": len(seconds), "gpus_per_worker": 0, "address": "", "rules": QUICK}
    job = SleepJob(str(folder), seconds)
    run_ray(job, sleep_tasks(num_tasks), seen, threading.Event(), RayOptions(**given | options))


def begun_by_others(folder: Path, pid: int) -> set[str]:
    return {path.name for path in folder.glob("begun*") if not path.name.endswith(f"-{pid}")}


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "gone"


def test_a_stopped_actor_near_the_end_is_made_up_for_by_a_second_run(
    tmp_path: Path, cluster: None
) -> None:
    stopped: list[int] = []

    def stop_its_worker(result: dict[str, Any]) -> None:
        if not stopped:
            stopped.append(result["pid"])
            os.kill(result["pid"], signal.SIGSTOP)

    seen = Seen(stop_its_worker)
    rules = Rules(second_run_floor=1.0, silence_floor=600.0)
    run_sleepers(tmp_path, (0.5, 0.5), 6, seen, rules=rules)
    assert seen.shards == list(range(6))
    assert any("as well" in text for text in seen.said), seen.said
    # Nothing is left of it either.
    deadline = time.monotonic() + 30
    while state(stopped[0]) not in ("gone", "Z"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_stopped_actor_without_others_is_started_anew(tmp_path: Path, cluster: None) -> None:
    stopped: list[int] = []

    def stop_its_worker(result: dict[str, Any]) -> None:
        if not stopped:
            stopped.append(result["pid"])
            os.kill(result["pid"], signal.SIGSTOP)

    seen = Seen(stop_its_worker)
    run_sleepers(tmp_path, (0.3,), 4, seen)
    assert seen.shards == list(range(4))
    assert any("worker 0 was lost: no progress for" in text for text in seen.said), seen.said
    assert len({result["pid"] for result in seen.results}) == 2


@pytest.mark.parametrize(("grace", "is_finished"), [(60.0, True), (0.2, False)])
def test_an_actor_that_is_told_to_end_finishes_or_drops_its_shard(
    grace: float, is_finished: bool, tmp_path: Path, cluster: None
) -> None:
    told: list[int] = []

    def tell(result: dict[str, Any]) -> None:
        if not told:
            told.append(result["pid"])
            threading.Timer(1.0, os.kill, (result["pid"], signal.SIGTERM)).start()

    seen = Seen(tell)
    run_sleepers(tmp_path, (3.0,), 3, seen, grace=grace)
    assert seen.shards == [0, 1, 2]
    pids = [result["pid"] for result in seen.results]
    assert len(set(pids)) == 2
    assert pids.count(told[0]) == 1 + is_finished
    # It begins nothing after its notice.
    begun = [path.name for path in tmp_path.glob(f"begun*-{told[0]}")]
    assert sorted(begun) == [f"begun0-{told[0]}", f"begun1-{told[0]}"]
    assert state(told[0]) in ("gone", "Z")

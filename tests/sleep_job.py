"""A job that sleeps, for tests of executors: each worker has its own time for a task."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen.types import ShardTask

NUM_STEPS = 10


@dataclass(frozen=True)
class SleepJob:
    """Workers are numbered as they open; all begin once the last is there.

    Attributes:
        folder: Where they count themselves, and leave what they have begun and done.
        seconds: Seconds per task of each worker; of later ones, as of the last.
    """

    folder: str
    seconds: tuple[float, ...]
    cpu_threads: int = 1

    def open(self) -> "Sleeper":
        number = 0
        while True:
            try:
                (Path(self.folder) / f"worker{number}").mkdir()
                break
            except FileExistsError:
                number += 1
        while len(list(Path(self.folder).glob("worker*"))) < len(self.seconds):
            time.sleep(0.01)
        return Sleeper(Path(self.folder), number, self.seconds[min(number, len(self.seconds) - 1)])


class Sleeper:
    device = "cpu"

    def __init__(self, folder: Path, number: int, seconds: float) -> None:
        self.folder, self.number, self.seconds = folder, number, seconds

    def run(self, task: ShardTask, on_samples: Callable[[int], None]) -> dict[str, Any]:
        (self.folder / f"begun{task.shard_index}-{os.getpid()}").touch()
        end = time.monotonic()
        for step in range(1, NUM_STEPS + 1):
            end += self.seconds / NUM_STEPS
            time.sleep(max(end - time.monotonic(), 0.0))
            on_samples(task.num_slots * step // NUM_STEPS)
        (self.folder / f"done{task.shard_index}-{os.getpid()}").touch()
        return {"shard": task.shard_index, "number": self.number, "pid": os.getpid()}


def sleep_tasks(num: int) -> list[ShardTask]:
    return [
        ShardTask(shard_index=i, start=10 * i, stop=10 * i + 10, fingerprint="f")
        for i in range(num)
    ]

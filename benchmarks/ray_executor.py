"""What the Ray executor itself costs, with a teacher that sleeps, beside Ray Data in the same run.

    python benchmarks/ray_executor.py [--repeats 5] [--shards 24] [--seconds 0.5]

Prints a table of medians. Two workers should take half as long as one; the processor time of the
driver includes Ray's own threads in its process; traffic is what the object store was given; both
walls of the last lines begin before the actors do.
"""

import argparse
import os
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray._private.internal_api import node_stats

from pairgen.execution.ray.executor import RayOptions, run_ray
from pairgen.types import ShardTask


@dataclass(frozen=True)
class Sleeping:
    """A job whose tasks take a time and nothing else."""

    seconds: float
    cpu_threads: int = 1
    device: str = "cpu"

    def open(self) -> "Sleeping":
        """There is nothing to load."""
        return self

    def run(self, task: ShardTask, on_samples: Callable[[int], None]) -> int:
        """Sleep."""
        time.sleep(self.seconds)
        on_samples(task.num_slots)
        return task.shard_index


class Clock:
    """When the first task began and the last ended, and the driver's processor time between."""

    def __init__(self) -> None:
        self.begun = self.ended_at = self.processor = 0.0

    def started(self, *_: Any) -> None:
        """The first begin counts."""
        if not self.begun:
            self.begun, self.processor = time.perf_counter(), time.process_time()

    def finished(self, *_: Any) -> None:
        """The last end counts."""
        self.ended_at = time.perf_counter()

    def ignore(self, *_: Any) -> None:
        """What else happens does not matter."""

    advanced = lost = ended = note = ignore


def stored_bytes() -> int:
    """Return what the object store of this node was given since it began."""
    node = ray.nodes()[0]
    stats = node_stats(node["NodeManagerAddress"], node["NodeManagerPort"])
    return int(stats.store_stats.cumulative_created_bytes)


def by_pairgen(num_workers: int, num_shards: int, seconds: float) -> dict[str, float]:
    tasks = [
        ShardTask(shard_index=i, start=i, stop=i + 1, fingerprint="f") for i in range(num_shards)
    ]
    clock, before = Clock(), stored_bytes()
    wall = time.perf_counter()
    options = RayOptions(num_workers=num_workers, gpus_per_worker=0, address="")
    run_ray(Sleeping(seconds), tasks, clock, threading.Event(), options)
    return {
        "wall": time.perf_counter() - wall,
        "making": clock.ended_at - clock.begun,
        "driver": (time.process_time() - clock.processor) / num_shards,
        "traffic": (stored_bytes() - before) / num_shards,
    }


class SleepingBatch:
    """The same teacher for Ray Data."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Sleep."""
        time.sleep(self.seconds)
        return batch


def by_ray_data(num_workers: int, num_shards: int, seconds: float) -> float:
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    start = time.perf_counter()
    ray.data.range(num_shards, override_num_blocks=num_shards).map_batches(
        SleepingBatch,
        fn_constructor_args=(seconds,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=num_workers),
        num_cpus=0.5,
    ).materialize()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--shards", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--without-ray-data", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(address="local", include_dashboard=False, log_to_driver=False, num_cpus=2)
    one, two, peer = [], [], []
    # In turn, so that a slow minute of the machine falls on all of them.
    for _ in range(given.repeats):
        one.append(by_pairgen(1, given.shards, given.seconds))
        two.append(by_pairgen(2, given.shards, given.seconds))
        if not given.without_ray_data:
            peer.append(by_ray_data(2, given.shards, given.seconds))
    median = {
        f"{name} {key}": statistics.median(each[key] for each in runs)
        for name, runs in (("one", one), ("two", two))
        for key in one[0]
    }
    speedup = median["one making"] / median["two making"]
    print(f"{given.shards} shards of {given.seconds} s, medians of {given.repeats}:")
    print(f"one worker, first begin to last end    {median['one making']:8.2f} s")
    print(f"two workers                            {median['two making']:8.2f} s, {speedup:.2f}x")
    print(f"driver's processor time, two workers   {1000 * median['two driver']:8.2f} ms a shard")
    print(f"object store                           {median['two traffic'] / 1e6:8.4f} MB a shard")
    print(f"two workers, with their start          {median['two wall']:8.2f} s")
    if peer:
        data = statistics.median(peer)
        ratio = data / median["two wall"]
        print(f"Ray Data, two actors, the same         {data:8.2f} s, {ratio:.2f}x")
    ray.shutdown()


if __name__ == "__main__":
    main()

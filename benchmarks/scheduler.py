"""A dataset on 10 to 10,000 GPUs in virtual time: which shard size, what it loses, what it costs.

    python benchmarks/scheduler.py [--gpus 10,100,1000,10000] [--shards 256,512,1024,2048]

Prints a Markdown table. The driver and the scheduler are the real ones; GPUs only take time. The
times of shards vary as those of 200 shards measured on a CPU with other work beside them, which is
more than GPUs do; the mean is `--seconds-per-sample`. Machines are lost, workers hang and shards
straggle as the options say. Columns:

- shards a GPU: how many each of them makes;
- ideal: all samples, divided by the rate of all GPUs;
- makespan: from the first loaded worker to the last shard;
- efficiency: share of the loaded workers' time that went into results;
- tail: share that was lost because nothing was left to do;
- driver: processor milliseconds a shard, without Ray's own part.
"""

import argparse
import io
from dataclasses import dataclass, field
from random import Random

from pairgen.execution.progress import Progress
from pairgen.execution.simulation import Simulated, simulate
from pairgen.receipts import Receipt
from pairgen.types import ShardTask

# Seconds of shards relative to their median: each twentieth of 200 shards of `--model gaussian`.
MEASURED = (0.59, 0.62, 0.67, 0.73, 0.76, 0.81, 0.86, 0.9, 0.93, 0.98, 1.0)
MEASURED += (1.02, 1.08, 1.11, 1.16, 1.19, 1.23, 1.3, 1.44, 1.52, 2.01)
MEAN = sum(MEASURED) / len(MEASURED)


@dataclass
class Datacentre:
    """Spot machines with one GPU each; draws come from one generator, so a run can be repeated."""

    seconds_per_sample: float
    losses_per_hour: float
    straggling: float
    hanging: float
    random: Random = field(default_factory=lambda: Random(0))

    def load_seconds(self, worker: int) -> float:
        """Weights from the node's disk."""
        del worker
        return self.random.uniform(45, 75)

    def run_seconds(self, worker: int, task: ShardTask) -> float:
        """As measured, but for stragglers and workers that hang."""
        del worker
        if self.random.random() < self.hanging:
            return float("inf")
        slowness = 4.0 if self.random.random() < self.straggling else 1.0
        usual = self.seconds_per_sample * task.num_slots / MEAN
        return slowness * usual * self.random.choice(MEASURED)

    def drop_seconds(self, worker: int) -> float:
        """A batch of 16, half done."""
        del worker
        return 8 * self.seconds_per_sample

    def seconds_to_loss(self, worker: int) -> float:
        """Losses at a constant rate."""
        del worker
        if not self.losses_per_hour:
            return float("inf")
        return self.random.expovariate(self.losses_per_hour / 3600)

    def seconds_to_return(self, worker: int) -> float:
        """Until there is another machine."""
        del worker
        return self.random.uniform(60, 180)


class Shown(Progress):
    """The real progress, with the tasks of a simulation for receipts."""

    def finished(self, worker: str, result: ShardTask) -> None:
        """A worker has made a shard."""
        super().finished(worker, _receipt(result))


def _receipt(task: ShardTask) -> Receipt:
    return Receipt(
        shard_index=task.shard_index,
        start=task.start,
        stop=task.stop,
        count=task.num_slots,
        num_bytes=0,
        sha256="",
        index_sha256="",
        fingerprint="",
    )


def tasks_of(num_samples: int, per_shard: int) -> list[ShardTask]:
    starts = range(0, num_samples, per_shard)
    return [
        ShardTask(shard_index=i, start=at, stop=min(at + per_shard, num_samples), fingerprint="f")
        for i, at in enumerate(starts)
    ]


def row(num_gpus: int, per_shard: int, given: argparse.Namespace) -> str:
    tasks = tasks_of(given.samples, per_shard)
    world = Datacentre(
        given.seconds_per_sample, given.losses_per_hour, given.straggling, given.hanging
    )
    events = Shown(given.samples, 0, stream=io.StringIO())
    made: Simulated = simulate(tasks, num_gpus, world, events)
    ideal = given.samples * given.seconds_per_sample / num_gpus
    # Loading takes as long for any shard size.
    span = made.seconds - 45
    cells = (
        f"{num_gpus:,}",
        f"{per_shard:,}",
        f"{len(tasks) / num_gpus:.1f}",
        f"{ideal / 3600:.3g} h",
        f"{span / 3600:.3g} h",
        f"{100 * made.efficiency:.1f} %",
        f"{100 * made.tail_waste:.1f} %",
        f"{made.num_losses:,}",
        f"{made.num_second_runs:,}",
        f"{made.num_given_up:,}",
        f"{1000 * made.driver_seconds / len(tasks):.3f} ms",
    )
    return "| " + " | ".join(cells) + " |"


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=12_000_000)
    parser.add_argument("--gpus", type=numbers, default=[10, 100, 1000, 10_000])
    parser.add_argument("--shards", type=numbers, default=[128, 256, 512, 1024, 2048])
    parser.add_argument("--seconds-per-sample", type=float, default=1.0)
    parser.add_argument("--losses-per-hour", type=float, default=0.05)
    parser.add_argument("--straggling", type=float, default=0.002)
    parser.add_argument("--hanging", type=float, default=0.00002)
    given = parser.parse_args()
    names = ("GPUs", "samples a shard", "shards a GPU", "ideal", "makespan", "efficiency", "tail")
    names += ("losses", "second runs", "given up", "driver")
    print("| " + " | ".join(names) + " |")
    print("|" + " ---: |" * len(names))
    for num_gpus in given.gpus:
        for per_shard in given.shards:
            print(row(num_gpus, per_shard, given), flush=True)


if __name__ == "__main__":
    main()

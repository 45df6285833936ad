"""The rules of scheduling, with the reasons for their numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rules:
    """When a shard runs twice, and when a worker is given up.

    Attributes:
        max_deaths: Deaths of workers on one shard that end the run: the shard is at fault then,
            not the machines.
        max_errors: Unexpected errors of one shard that end the run.
        second_run_factor: A shard runs a second time once it takes this many times the median, and
            workers have nothing else to do.
        second_run_floor: Seconds below which no shard runs a second time.
        slow_factor: A worker is named once its shard takes this many times the median.
        slow_floor: Seconds below which no worker is named.
        silence_factor: A worker is given up after this many times the usual longest shard without
            progress. Only silence counts: a slow machine that goes on is not stuck.
        silence_floor: Seconds of silence for which no worker is given up.
        first_silence: The same until a worker has made a first shard, also before any was
            measured. A first batch may take long: it compiles, or a CPU computes it.
        stuck_after: Seconds without an answer of any worker that end the run. A cluster may have to
            wait for machines, so it is hours.
    """

    max_deaths: int = 10
    max_errors: int = 2
    second_run_factor: float = 1.5
    second_run_floor: float = 10.0
    slow_factor: float = 3.0
    slow_floor: float = 120.0
    silence_factor: float = 5.0
    silence_floor: float = 300.0
    first_silence: float = 14_400.0
    stuck_after: float = 43_200.0

"""How fast shards have come, and by whom; pure functions of finished shards and a clock."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from pairgen.execution.history.done import Done

# The rate of now is that of the last ten minutes, or of three shards if they take longer.
SECONDS_OF_NOW = 600.0
SHARDS_OF_NOW = 3
NUM_INTERVALS = 12


@dataclass(frozen=True)
class Interval:
    """A span of time.

    Attributes:
        start: Its begin, in seconds since 1970.
        stop: Its end.
        num_slots: Slots of the shards that ended in it.
    """

    start: float
    stop: float
    num_slots: int

    @property
    def rate(self) -> float:
        """Slots per second."""
        return self.num_slots / max(self.stop - self.start, 1e-9)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What one worker did.

    Attributes:
        name: Host and process.
        device: Its device.
        num_shards: Number of its shards.
        rate: Slots per second of its work.
        ended: When its last shard was done; None if unknown.
        is_silent: Whether it should have finished another shard since.
    """

    name: str
    device: str
    num_shards: int
    rate: float
    ended: float | None
    is_silent: bool


def begin_of(done: Sequence[Done]) -> float | None:
    """Return when the first shard was begun; None if no receipt tells the time."""
    return min((each.ended - each.seconds for each in done if each.ended is not None), default=None)


def seconds_at_work(done: Sequence[Done]) -> float:
    """Return the seconds in which at least one shard was being made: pauses are left out."""
    spans = sorted(
        (each.ended - each.seconds, each.ended) for each in done if each.ended is not None
    )
    total, reached = 0.0, -math.inf
    for start, stop in spans:
        total += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    return total


def rate_at_work(done: Sequence[Done]) -> float:
    """Return the slots per second while the dataset was made; 0 if no receipt tells the time."""
    num_slots = sum(each.num_slots for each in done if each.ended is not None)
    return num_slots / max(seconds_at_work(done), 1e-9) if num_slots else 0.0


def rate_now(done: Sequence[Done], now: float) -> float:
    """Return the slots per second of late; 0 if no shard has ended of late."""
    begin = begin_of(done)
    if begin is None:
        return 0.0
    span = max(SECONDS_OF_NOW, SHARDS_OF_NOW * median(each.seconds for each in done))
    start = max(begin, now - span)
    late = sum(each.num_slots for each in done if each.ended is not None and each.ended > start)
    return late / max(now - start, 1e-9)


def intervals(done: Sequence[Done], num: int = NUM_INTERVALS) -> list[Interval]:
    """Return equal spans from the begin to the last shard; [] if no receipt tells the time."""
    begin = begin_of(done)
    if begin is None:
        return []
    last = max(each.ended for each in done if each.ended is not None)
    length = max(last - begin, 1e-9) / num
    num_slots = [0] * num
    for each in done:
        if each.ended is not None:
            num_slots[min(int((each.ended - begin) / length), num - 1)] += each.num_slots
    return [
        Interval(begin + i * length, begin + (i + 1) * length, slots)
        for i, slots in enumerate(num_slots)
    ]


def workers(done: Sequence[Done], now: float) -> list[Worker]:
    """Return the workers, the slowest first.

    One is silent if it has finished nothing for three times its usual shard and a minute: it has
    ended, was lost, or is stuck.
    """
    shards: dict[str, list[Done]] = {}
    for each in done:
        shards.setdefault(each.worker, []).append(each)
    found = []
    for name, mine in shards.items():
        ended = max((each.ended for each in mine if each.ended is not None), default=None)
        patience = SHARDS_OF_NOW * median(each.seconds for each in mine) + 60
        found.append(
            Worker(
                name=name,
                device=mine[-1].device,
                num_shards=len(mine),
                rate=sum(e.num_slots for e in mine) / max(sum(e.seconds for e in mine), 1e-9),
                ended=ended,
                is_silent=ended is not None and now - ended > patience,
            )
        )
    return sorted(found, key=lambda worker: (worker.rate, worker.name))

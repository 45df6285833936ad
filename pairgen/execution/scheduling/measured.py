"""Measured times of shards: their median, and what the longest of them usually take."""

from bisect import bisect_left, insort
from collections import deque

# Of the last ones only: machines change, and the cost of one more stays the same.
MAX_MEASURED = 1000


class Measured:
    """The times of the last shards, in seconds."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, seconds: float) -> None:
        """Add the time of a shard."""
        if len(self._recent) == MAX_MEASURED:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(seconds)
        insort(self._sorted, seconds)

    @property
    def median(self) -> float | None:
        """The middle of the times; None before the first."""
        return self._at(0.5)

    @property
    def longest(self) -> float | None:
        """The time that one of twenty exceeds; None before the first."""
        return self._at(0.95)

    def _at(self, share: float) -> float | None:
        if not self._sorted:
            return None
        return self._sorted[min(int(share * len(self._sorted)), len(self._sorted) - 1)]

"""Measure how long training steps take, and how much of that is waiting for data."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StepWatch:
    """Measures the rate of samples and the share of time spent waiting for data."""

    def __init__(self) -> None:
        self._last = self._since = time.perf_counter()
        self._waited = 0.0
        self._num_samples = 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside the context as waiting for data."""
        began = time.perf_counter()
        yield
        self._waited += time.perf_counter() - began

    def lap(self, num_samples: int) -> float:
        """Count the samples of a step, and return the seconds since the last lap."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        self._num_samples += num_samples
        return seconds

    def figures(self) -> dict[str, float]:
        """Return the rate and the share of waiting since the last call."""
        seconds = max(self._last - self._since, 1e-9)
        found = {
            "samples_per_second": round(self._num_samples / seconds, 3),
            "data_wait": round(self._waited / seconds, 5),
        }
        self._since, self._waited, self._num_samples = self._last, 0.0, 0
        return found

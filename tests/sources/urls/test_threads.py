"""Results come in order, several calls wait at once, and nothing goes on behind an early end."""

from collections.abc import Iterator
from threading import Barrier

import pytest

from pairgen.sources.urls.threads import NUM_AHEAD, NUM_THREADS, in_threads


def test_results_come_in_order_and_calls_wait_together() -> None:
    # Broken unless as many calls wait for each other.
    together = Barrier(NUM_THREADS, timeout=60)

    def call(number: int) -> int:
        together.wait()
        return -number

    assert list(in_threads(call, range(4 * NUM_THREADS))) == [-n for n in range(4 * NUM_THREADS)]


def test_what_a_call_raises_is_raised_at_its_place() -> None:
    results = in_threads(lambda number: 1 // (number - 2), range(5))
    assert [next(results), next(results)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_more_is_asked_for_than_is_needed_soon() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = in_threads(abs, items())
    assert next(results) == 0
    results.close()
    assert len(taken) == NUM_AHEAD + 1

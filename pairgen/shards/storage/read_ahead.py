"""Read many small files: waiting for disk or network dominates, so read several at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")

NUM_THREADS = 16
# Number of items held in memory at once.
NUM_AT_ONCE = 256


def read_ahead(read: Callable[[Item], Read], items: Sequence[Item]) -> Iterator[Read]:
    """Yield the result of `read` for each item, in order; threads read a few items ahead."""
    with ThreadPoolExecutor(NUM_THREADS) as executor:
        for first in range(0, len(items), NUM_AT_ONCE):
            yield from executor.map(read, items[first : first + NUM_AT_ONCE])

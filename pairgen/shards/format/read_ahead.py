"""Read many small files: what costs is the wait for the disk or the network, so some at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")

NUM_THREADS = 8
# Held at once: what was read ahead lies in memory.
NUM_AT_ONCE = 256


def read_ahead(read: Callable[[Item], Read], items: Sequence[Item]) -> Iterator[Read]:
    """Yield what `read` returns for each item, in order; threads read a few of them ahead."""
    with ThreadPoolExecutor(NUM_THREADS) as executor:
        for first in range(0, len(items), NUM_AT_ONCE):
            yield from executor.map(read, items[first : first + NUM_AT_ONCE])

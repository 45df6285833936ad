"""Beginnings of objects behind URLs, requested several at once before they are read in order."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from pairgen.errors import PairgenError

Item = TypeVar("Item")
# Address and first byte of a part.
Key = tuple[str, int]

NUM_THREADS = 16
# Items that are asked for before they are read.
NUM_AHEAD = 32
_heads: dict[Key, bytes] = {}


def head_of(address: str, start: int) -> bytes:
    """Return the beginning of a part of an object, if it is there already; else empty."""
    return _heads.get((address, start), b"")


def read_ahead(
    items: Iterator[Item], head: Callable[[Item], tuple[Key, bytes] | None]
) -> Iterator[Item]:
    """Yield the items in order; threads fetch the beginnings of those that follow.

    Args:
        items: The items.
        head: Fetches the beginning of an item; None if it has none behind a URL. What it raises is
            raised again by who reads the item.
    """

    def fetch(item: Item) -> Key | None:
        with suppress(PairgenError, OSError):
            if found := head(item):
                _heads[found[0]] = found[1]
                return found[0]
        return None

    waiting: deque[tuple[Item, Future[Key | None]]] = deque()

    def first() -> Iterator[Item]:
        item, future = waiting[0]
        future.result()
        yield item
        forget(waiting.popleft()[1])

    def forget(future: Future[Key | None]) -> None:
        if not (future.cancelled() or future.exception()) and (key := future.result()):
            _heads.pop(key, None)

    executor = ThreadPoolExecutor(NUM_THREADS)
    try:
        for item in items:
            waiting.append((item, executor.submit(fetch, item)))
            if len(waiting) > NUM_AHEAD:
                yield from first()
        while waiting:
            yield from first()
    finally:
        executor.shutdown(cancel_futures=True)
        # A later reader, who may find another object there, must not be given what was left.
        for _, future in waiting:
            forget(future)

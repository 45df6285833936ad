"""Wait for several answers at once."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

NUM_THREADS = 16
# Items that are asked for before they are taken.
NUM_AHEAD = 32


def in_threads(
    call: Callable[[Item], Result], items: Iterable[Item]
) -> Generator[Result, None, None]:
    """Yield what a call returns for each item, in order; several calls are made at once.

    What a call raises is raised where its result would be yielded.
    """
    waiting: deque[Future[Result]] = deque()
    executor = ThreadPoolExecutor(NUM_THREADS)
    try:
        for item in items:
            waiting.append(executor.submit(call, item))
            if len(waiting) > NUM_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)

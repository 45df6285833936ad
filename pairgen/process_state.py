"""What belongs to the whole process: other for a while, then again as it was found.

A caller's own work goes on around every command, and a helper's numbers are not the next one's.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")


@contextmanager
def cpu_threads(num: int) -> Iterator[None]:
    """Let torch, and OpenCV where it is loaded, compute in `num` threads.

    OpenMP keeps torch's number for each thread that computes, so this is entered in the very one.
    No generator yields inside: its caller would go on with a number that is not its own.

    Args:
        num: Of threads, 1 or more. It is set even where it is the number already, because MKL
            chooses freely until a number is set.
    """
    # Whoever computes with it has imported it; a command that does not is not to wait for it.
    cv2 = sys.modules.get("cv2")
    before, before_in_cv2 = torch.get_num_threads(), cv2.getNumThreads() if cv2 else 0
    torch.set_num_threads(num)
    if cv2:
        cv2.setNumThreads(num)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if cv2:
            cv2.setNumThreads(before_in_cv2)


def each_in_cpu_threads(num: int, items: Iterable[Item]) -> Iterator[Item]:
    """Return items, each of which is made in `num` threads; in between the caller has its own.

    Args:
        num: Of threads, as in `cpu_threads`.
        items: Such as a generator.
    """
    return each_within(lambda: cpu_threads(num), items)


def each_within(
    enter: Callable[[], AbstractContextManager[Any]], items: Iterable[Item]
) -> Iterator[Item]:
    """Yield items, each of which is made inside a context; in between the caller is outside."""
    iterator = iter(items)
    while True:
        with enter():
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch's global generators, from which networks get their first weights, begin at a seed.

    Args:
        seed: Of those of the CPU and of every GPU.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


@contextmanager
def own_environment() -> Iterator[None]:
    """Keep what is set in the environment meanwhile, by a library too, from outlasting it."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value

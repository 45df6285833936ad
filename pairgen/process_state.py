"""Process-wide state, changed temporarily and then restored.

The caller's own work continues around every command, and must not see a command's settings.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")


@contextmanager
def cpu_threads(num: int) -> Iterator[None]:
    """Let torch, and OpenCV if it is loaded, compute in `num` threads.

    OpenMP keeps torch's setting per computing thread, so enter this in that very thread. No
    generator may yield inside: its caller would continue with the wrong setting.

    Args:
        num: Number of threads, 1 or more. It is set even if it is the current value, because MKL
            chooses freely until a number is set.
    """
    # Do not import what the command does not use: code that computes with it has imported it.
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
    """Return items, each of which is made in `num` threads; in between, the caller has its own.

    Args:
        num: Number of threads, as in `cpu_threads`.
        items: Items, such as a generator.
    """
    return each_within(lambda: cpu_threads(num), items)


def each_within(
    enter: Callable[[], AbstractContextManager[Any]], items: Iterable[Item]
) -> Iterator[Item]:
    """Yield items, each of which is made inside a context; in between, the caller is outside."""
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
    """Seed torch's global generators, which initialize networks, and restore them afterwards.

    Args:
        seed: Seed for the generators of the CPU and of every GPU.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


@contextmanager
def own_environment() -> Iterator[None]:
    """Restore the environment variables afterwards, including those set by libraries."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value


@contextmanager
def keeping_sigterm() -> Iterator[None]:
    """Restore the handler of SIGTERM: Ray sets one that ends the process at once."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)

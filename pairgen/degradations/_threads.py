"""What has no place on a device runs on CPU threads: codecs and random numbers."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")


def in_threads(function: Callable[..., Result], *arguments: Iterable[Any]) -> list[Result]:
    """Return `function` of each group of arguments, computed by as many threads as torch has.

    Args:
        function: Frees Python's lock for most of its time, as OpenCV's codecs and NumPy's
            generators do.
        arguments: As for `map`, of equal lengths.
    """
    num_threads = torch.get_num_threads()
    if num_threads == 1:
        return list(map(function, *arguments))
    with ThreadPoolExecutor(num_threads) as threads:
        return list(threads.map(function, *arguments))

"""CPU threads for work that cannot run on a device: codecs and random numbers."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")


def in_threads(function: Callable[..., Result], *arguments: Iterable[Any]) -> list[Result]:
    """Map `function` over the arguments, in as many threads as torch has.

    Args:
        function: Function that releases the GIL most of the time, as OpenCV's codecs and NumPy's
            generators do.
        arguments: Iterables of arguments, as for `map`, of equal lengths.
    """
    num_threads = torch.get_num_threads()
    if num_threads == 1:
        return list(map(function, *arguments))
    with ThreadPoolExecutor(num_threads) as threads:
        return list(threads.map(function, *arguments))

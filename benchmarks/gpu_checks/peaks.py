"""Peak memory and time of what this process computes."""

import gc
import resource
import time
from collections.abc import Callable
from typing import Any

import torch

GIB = 2**30


def synchronize() -> None:
    """Wait for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


# Peaks in bytes before the counter was last set back.
_earlier = [0]


def peak_gib() -> float:
    """Return the peak of the GPU's tensors in this process; without a GPU, of its host memory."""
    if torch.cuda.is_available():
        return max(*_earlier, torch.cuda.max_memory_allocated()) / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def timed(run: Callable[[], Any]) -> tuple[float, float]:
    """Run something; return its seconds, and its peak in GiB: without a GPU that of the process."""
    if torch.cuda.is_available():
        # What ran before may be held by cycles still.
        gc.collect()
        torch.cuda.empty_cache()
        _earlier.append(torch.cuda.max_memory_allocated())
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    run()
    synchronize()
    seconds = time.perf_counter() - start
    if torch.cuda.is_available():
        return seconds, torch.cuda.max_memory_allocated() / GIB
    return seconds, peak_gib()

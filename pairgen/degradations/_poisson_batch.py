"""Poisson counts of a batch, from the same tables as `poisson_counts`."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pairgen.degradations._batch import Size, to_device
from pairgen.degradations._poisson import NUM_COUNTS, _tables

# Number of counts that the binary search covers.
TABLE_COUNTS = 512
# With this bit flipped, unsigned numbers keep their order as signed ones.
SIGN_BIT = np.uint32(2**31)


def poisson_counts_batch(levels: Tensor, peaks: Sequence[int], numbers: Tensor) -> Tensor:
    """Return counts [B, 3, H, W] int64 whose mean at level v is v / 255 peak.

    Args:
        levels: 8-bit levels, [B, 3, H, W] int64, in [0, 255].
        peaks: Mean at level 255 of each image, a power of two up to 256.
        numbers: Random numbers from `ordered_numbers`, [B, 1 or 3, H, W] int32.
    """
    device = levels.device
    distinct = sorted(set(peaks))
    tables = torch.cat([_table(peak, device) for peak in distinct])
    rows = to_device(torch.tensor([distinct.index(peak) for peak in peaks]), device)
    start = (levels + 256 * rows[:, None, None, None]) * TABLE_COUNTS
    counts = torch.zeros_like(start)
    step = TABLE_COUNTS // 2
    while step:
        # The number of thresholds at or below the number: the smallest count whose own exceeds it.
        found = numbers >= tables[start + (counts + (step - 1))]
        counts += step * found
        step //= 2
    return counts


def num_different(levels: Tensor, sizes: Sequence[Size]) -> list[int]:
    """Return the number of distinct values of each image of [B, 3, H, W] int64 in [0, 255]."""
    ends = to_device(torch.tensor(sizes), levels.device)
    rows = torch.arange(levels.shape[2], device=levels.device)
    columns = torch.arange(levels.shape[3], device=levels.device)
    inside = (rows < ends[:, :1])[:, None, :, None] & (columns < ends[:, 1:])[:, None, None]
    # Values outside an image get a bin of their own, which is not counted.
    values = torch.where(inside, levels, 256).flatten(1)
    seen = torch.zeros(len(levels), 257, dtype=torch.int64, device=levels.device)
    found: list[int] = seen.scatter_(1, values, 1)[:, :256].sum(1).tolist()
    return found


def ordered_numbers(numbers: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Return numbers as signed ones of the same order: torch cannot compare unsigned ones."""
    # No threshold exceeds the largest number.
    return (np.minimum(numbers, np.uint32(2**32 - 2)) ^ SIGN_BIT).view(np.int32)


@lru_cache(maxsize=9)
def _table(peak: int, device: torch.device) -> Tensor:
    """Return the thresholds by level and count, [256 * TABLE_COUNTS] int32."""
    table = np.full((256, TABLE_COUNTS), 2**32 - 1, np.uint32)
    table[:, :NUM_COUNTS] = _tables(peak)[0].reshape(256, NUM_COUNTS)
    return to_device(torch.from_numpy((table ^ SIGN_BIT).view(np.int32)).flatten(), device)

"""Poisson counts by inversion: one random number per count.

A rejection sampler, as in NumPy, takes a varying number of random numbers; a mean that rounds
differently in one pixel would change the counts of all later ones. Here every pixel has its own
number, and the count is monotonic in it.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtr

# Number of possible counts: at 256, the largest mean, more have a probability below 2^-32.
NUM_COUNTS = 384
# The upper bits of a random number give the start of the search.
GUIDE_BITS = 10


def poisson_counts(
    levels: NDArray[np.uint8], peak: int, numbers: NDArray[np.uint32]
) -> NDArray[np.int16]:
    """Return counts [...] whose mean at level v is v / 255 peak.

    Each is the smallest count c with `numbers` < 2^32 P(X <= c), which is exact except that the
    probabilities are rounded to 32 bits.

    Args:
        levels: 8-bit levels, [...].
        peak: Mean at level 255, a power of two up to 256.
        numbers: Random numbers, uniform over all 32 bits, [...].
    """
    thresholds, guide = _tables(peak)
    row = levels.ravel().astype(np.int32)
    # No threshold exceeds the largest number.
    number = np.minimum(numbers.ravel(), 2**32 - 2)
    counts = guide[(row << GUIDE_BITS) + (number >> (32 - GUIDE_BITS)).astype(np.int32)]
    row *= NUM_COUNTS
    left = np.flatnonzero(number >= thresholds[row + counts])
    while len(left):
        counts[left] += 1
        left = left[number[left] >= thresholds[row[left] + counts[left]]]
    return counts.reshape(levels.shape)


@lru_cache(maxsize=9)
def _tables(peak: int) -> tuple[NDArray[np.uint32], NDArray[np.int16]]:
    """Return 2^32 P(X <= c) by level and count, and the first count by level and upper bits."""
    means = np.arange(256)[:, None] * (peak / 255)
    probabilities = pdtr(np.arange(NUM_COUNTS)[None], means)
    largest = 2**32 - 1
    thresholds = np.minimum(np.floor(probabilities * 2.0**32), largest).astype(np.uint32)
    starts = np.arange(2**GUIDE_BITS, dtype=np.uint32) << np.uint32(32 - GUIDE_BITS)
    guide = np.stack([np.searchsorted(row, starts, side="right") for row in thresholds])
    return thresholds.ravel(), guide.astype(np.int16).ravel()

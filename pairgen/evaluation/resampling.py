"""Whether two models differ by more than the choice of pairs explains: a paired bootstrap.

Reference:
    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", Chapters 6 and 13.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pairgen.seeding import Stream, generator_for

NUM_RESAMPLES = 200
# Share of the resamples in which the better one must be better.
CONFIDENCE = 0.95
# The splits of `pairgen.evaluation.halves` have the part 0.
PART = 1

# Maps places of pairs, [N], to a figure of these pairs.
Figure = Callable[[NDArray[np.int64]], float]


def is_clearly_below(first: Figure, second: Figure, num: int, seed: int = 0) -> bool:
    """Return whether one figure stays below another if the pairs are drawn again.

    Both are computed of the same N pairs, drawn with replacement, 200 times; the first must be
    below in 95 % of them.

    Args:
        first: The figure that should be below.
        second: The other one.
        num: Number of pairs, N.
        seed: Seed of the draws.
    """
    num_below = 0
    for each in range(NUM_RESAMPLES):
        places = generator_for(seed, each, Stream.EVALUATION, PART).integers(0, num, num)
        num_below += first(places) < second(places)
    return num_below >= CONFIDENCE * NUM_RESAMPLES

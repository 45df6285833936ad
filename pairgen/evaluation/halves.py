"""The Frechet distance between halves, whose value for the references themselves is its floor.

A Frechet distance of N images is too large by an amount of order 1 / N, and images of the same
noises and prompts are too alike to show it. So the images of one half of the pairs are compared
to the references of the other half. Applied to the references themselves, this gives the floor:
the value of a perfect student.
"""

import numpy as np
from numpy.typing import ArrayLike

from pairgen.errors import ConfigError
from pairgen.evaluation.frechet import TooFewError, frechet_distance, statistics
from pairgen.seeding import Stream, generator_for

NUM_SPLITS = 8


def halves_distance(features: ArrayLike, references: ArrayLike, seed: int = 0) -> float:
    """Return the mean Frechet distance between one half's features and the other's references.

    The mean is over eight random splits, in both directions; an odd number drops one pair.

    Args:
        features: Features of the images, [N, D].
        references: Features of the references of the same pairs, [N, D].
        seed: Seed of the splits.

    Raises:
        ConfigError: The shapes differ.
        TooFewError: N < 2 (D + 1).
    """
    x, reference = (np.asarray(each, np.float64) for each in (features, references))
    if x.shape != reference.shape or x.ndim != 2:
        raise ConfigError(
            f"Features and references must be [N, D], got {list(x.shape)} and "
            f"{list(reference.shape)}."
        )
    size, dimension = len(x) // 2, x.shape[1]
    if size < dimension + 1:
        raise TooFewError(f"Halves in {dimension} dimensions", 2 * (dimension + 1), len(x))
    found = []
    for split in range(NUM_SPLITS):
        order = generator_for(seed, split, Stream.EVALUATION).permutation(len(x))
        halves = order[:size], order[size : 2 * size]
        for here, there in (halves, halves[::-1]):
            a, b = statistics(x[here]), statistics(reference[there])
            found.append(frechet_distance(a.mean, a.cov, b.mean, b.cov))
    return float(np.mean(found))

"""The Frechet distance between halves, and so the floor that it has for equal distributions.

A Frechet distance of N images is too large by an amount of order 1 / N, and images of the same
noises and prompts are too alike to show it. So the images of one half of the pairs are compared
with the references of the other half. Of the references themselves this gives the floor: what a
perfect student would get.
"""

import numpy as np
from numpy.typing import ArrayLike

from pairgen.errors import ConfigError
from pairgen.evaluation.frechet import frechet_distance, statistics
from pairgen.seeding import Stream, generator_for

NUM_SPLITS = 8


def halves_distance(features: ArrayLike, references: ArrayLike, seed: int = 0) -> float:
    """Return the mean Frechet distance between one half's features and the other's references.

    Over eight random splits, and both ways of each; of an odd number one pair is left out.

    Args:
        features: [N, D].
        references: Of the same pairs, [N, D].
        seed: Of the splits.

    Raises:
        ConfigError: The shapes differ, or N < 2 (D + 1).
    """
    x, reference = (np.asarray(each, np.float64) for each in (features, references))
    if x.shape != reference.shape or x.ndim != 2:
        raise ConfigError(
            f"Features and references must be [N, D], got {list(x.shape)} and "
            f"{list(reference.shape)}."
        )
    size, dimension = len(x) // 2, x.shape[1]
    if size < dimension + 1:
        raise ConfigError(
            f"Halves in {dimension} dimensions take {2 * (dimension + 1)} images or more, got "
            f"{len(x)}."
        )
    found = []
    for split in range(NUM_SPLITS):
        order = generator_for(seed, split, Stream.EVALUATION).permutation(len(x))
        halves = order[:size], order[size : 2 * size]
        for here, there in (halves, halves[::-1]):
            a, b = statistics(x[here]), statistics(reference[there])
            found.append(frechet_distance(a.mean, a.cov, b.mean, b.cov))
    return float(np.mean(found))

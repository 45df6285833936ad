"""The student's worst and best images by the perceptual distance, beside the other rows'."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pairgen.jobs.eval.evaluation import Band, Cases
from pairgen.judging.from_images.measured import DISTANCE, Measured

NUM_CASES = 4


def find_cases(
    row: Measured, keys: Sequence[str], shown: Callable[[np.ndarray], Sequence[Band]]
) -> tuple[dict[str, list[dict[str, Any]]], tuple[Cases, ...]]:
    """Return the worst and the best cases for eval.json, and their images.

    Args:
        row: The student's row.
        keys: Keys of the pairs, N.
        shown: Returns what is shown of some pairs, by their places.
    """
    distances = row.scores[DISTANCE]
    facts, cases = {}, []
    for which, ranked in (("worst", -distances), ("best", distances)):
        # Of equal distances the first pair comes first.
        chosen = np.argsort(ranked, kind="stable")[:NUM_CASES]
        bands = shown(chosen)
        facts[which] = [{"key": keys[at], DISTANCE: float(distances[at])} for at in chosen]
        cases.append(
            Cases(
                title=f"{which.capitalize()} cases, by the {row.name}'s perceptual distance",
                names=tuple(band.name for band in bands),
                captions=tuple(f"{keys[at]}, distance {distances[at]:.3f}" for at in chosen),
                pictures=np.stack([band.pictures for band in bands], axis=1),
            )
        )
    return facts, tuple(cases)

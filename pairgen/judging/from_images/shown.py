"""The given images and the captions, as they are shown beside what is made."""

from collections.abc import Sequence

import numpy as np

from pairgen.judging.row import NUM_SHOWN
from pairgen.kinds.image_pairs import ImagePairs
from pairgen.kinds.image_pictures import enlarged_pictures


def given_pictures(given: np.ndarray, scale: int) -> np.ndarray:
    """Return given images [N, h, w, C] as they are, with every pixel `scale` times as large.

    Returns:
        [N, s h, s w, 3] uint8.
    """
    return enlarged_pictures(given, 1).repeat(scale, axis=1).repeat(scale, axis=2)


def captions_of(pairs: ImagePairs) -> tuple[str, ...]:
    """Return the captions of the images to show: the prompts, or else the keys."""
    own: Sequence[str] = pairs.prompts if any(pairs.prompts) else pairs.keys
    return tuple(own[:NUM_SHOWN])

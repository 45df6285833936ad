"""The given images, as they are shown beside what is made of them."""

import numpy as np

from pairgen.kinds.image_pictures import enlarged_pictures


def given_pictures(given: np.ndarray, scale: int) -> np.ndarray:
    """Return given images [N, h, w, C] as they are, with every pixel `scale` times as large.

    Returns:
        [N, s h, s w, 3] uint8.
    """
    return enlarged_pictures(given, 1).repeat(scale, axis=1).repeat(scale, axis=2)

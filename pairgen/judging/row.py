"""The images of a row: which are shown, and their features."""

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.evaluation.judge import Judge

NUM_SHOWN = 8


def picture_features(judge: Judge, pictures: np.ndarray) -> NDArray[np.float32]:
    """Return the judge's features of images [N, H, W, 3] uint8, [N, 64]."""
    parts = [
        judge.features(torch.from_numpy(part).permute(0, 3, 1, 2).float() / 127.5 - 1)
        # Convert only a few images to floating point at a time.
        for part in np.array_split(pictures, -(-len(pictures) // 64))
    ]
    return np.concatenate(parts)

"""A row of an evaluation, and the features of its images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.evaluation.judge import Judge

NUM_SHOWN = 8


@dataclass(frozen=True)
class Row:
    """One row: its figures as in eval.json, and the images to show, [P, H, W, 3] uint8."""

    figures: dict[str, Any]
    pictures: np.ndarray


def picture_features(judge: Judge, pictures: np.ndarray) -> NDArray[np.float32]:
    """Return the judge's features of images [N, H, W, 3] uint8, [N, 64]."""
    parts = [
        judge.features(torch.from_numpy(part).permute(0, 3, 1, 2).float() / 127.5 - 1)
        # Convert only a few images to floating point at a time.
        for part in np.array_split(pictures, -(-len(pictures) // 64))
    ]
    return np.concatenate(parts)

"""The file of a grid."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

MARGIN = 2


def write_grid(rows: Sequence[np.ndarray], path: Path) -> None:
    """Write rows of images, each [N, H, W, 3] uint8, one below the other."""
    pad = ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
    padded = [np.pad(row, pad, constant_values=255) for row in rows]
    lines = [np.concatenate(list(row), axis=1) for row in padded]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(lines, axis=0)).save(path)

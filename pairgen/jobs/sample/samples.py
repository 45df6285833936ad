"""What `pairgen.sample` returns."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Samples:
    """The images of `pairgen.sample`.

    Attributes:
        prompts: Prompt of each image, N.
        guidance_scales: Guidance scale of each image, N.
        pictures: [N, H, W, 3] uint8, numbered like the samples of a dataset: guidance scales vary
            fastest, then prompts (or conditions), then noises.
        path: Path of the grid or the folder.
    """

    prompts: tuple[str, ...]
    guidance_scales: tuple[float, ...]
    pictures: np.ndarray
    path: Path

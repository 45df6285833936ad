"""What `pairgen.sample` returns."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pairgen.kinds.ode.pictures import Pictures


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


def samples_of(made: Pictures, path: Path) -> Samples:
    """Return images with the prompt and the guidance scale of each, by its facts."""
    return Samples(
        prompts=tuple(fact["prompt"] for fact in made.facts),
        guidance_scales=tuple(fact["guidance_scale"] for fact in made.facts),
        pictures=made.pictures,
        path=path,
    )

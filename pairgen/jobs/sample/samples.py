"""What `pairgen.sample` returns."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pairgen.kinds.ode.pictures import Pictures
from pairgen.shown import Picture, Shown, ShownTable
from pairgen.wording import counted


@dataclass(frozen=True, repr=False)
class Samples(Shown):
    """The images of `pairgen.sample`.

    Attributes:
        prompts: Prompt of each image, N.
        guidance_scales: Guidance scale of each image, N.
        pictures: [N, H, W, 3] uint8, numbered like the samples of a dataset: guidance scales vary
            fastest, then prompts (or conditions), then noises.
        path: Path of the grid or the folder.
        num_rejected: Number of prompts or conditions that were refused.
        too_many_rejected: Whether they exceed `max_rejected`.
        num_tried: Number of all prompts or conditions.
        max_rejected: The share that may be refused.
    """

    prompts: tuple[str, ...]
    guidance_scales: tuple[float, ...]
    pictures: np.ndarray
    path: Path
    num_rejected: int
    too_many_rejected: bool
    num_tried: int = 0
    max_rejected: float = 0.0

    def shown(self) -> ShownTable:
        """Return the prompts."""
        num, height, width, _ = self.pictures.shape
        rows = [("path", str(self.path))]
        rows += [("refused", f"{self.num_rejected:,}")] if self.num_rejected else []
        given = zip(self.prompts, self.guidance_scales, strict=True)
        rows += [(f"guidance {scale:g}", text) for text, scale in given]
        return ShownTable(f"Samples: {counted(num, 'image')} of {width} x {height} px", rows)

    def shown_pictures(self) -> list[Picture]:
        """Return the images."""
        pictures = zip(self.prompts, self.pictures, strict=True)
        return [(text, partial(np.asarray, picture)) for text, picture in pictures]


def samples_of(
    made: Pictures, path: Path, num_rejected: int, num_used: int, max_rejected: float
) -> Samples:
    """Return images with the prompt and the guidance scale of each, by its facts.

    Args:
        made: The images.
        path: Path of the grid or the folder.
        num_rejected: Number of prompts or conditions that were refused.
        num_used: Number of the others.
        max_rejected: The share of both that may be refused.
    """
    return Samples(
        prompts=tuple(fact["prompt"] for fact in made.facts),
        guidance_scales=tuple(fact["guidance_scale"] for fact in made.facts),
        pictures=made.pictures,
        path=path,
        num_rejected=num_rejected,
        too_many_rejected=num_rejected > max_rejected * (num_rejected + num_used),
        num_tried=num_rejected + num_used,
        max_rejected=max_rejected,
    )

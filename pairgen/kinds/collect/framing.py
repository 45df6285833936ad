"""Where the part of a sample is cut, drawn once and applied to each of its images."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairgen.kinds.collect.geometry import center_place, mirrored
from pairgen.kinds.images.crops import check_sharp, choose_place, cut, draw_place
from pairgen.sources.photographs import ImageSize


@dataclass(frozen=True)
class Framing:
    """A part of an image.

    Attributes:
        shape: Its size in pixels.
        place: Its (top, left).
        flip: Whether it is mirrored left to right after it is cut.
        sharpness: Its sharpness.
    """

    shape: ImageSize
    place: tuple[int, int]
    flip: bool
    sharpness: float

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the part of an image [H, W, C]."""
        picture = cut(image, self.place, self.shape)
        return mirrored(picture) if self.flip else picture

    def reduced(self, scale: int) -> "Framing":
        """Return the same part of an image that is `scale` times smaller."""
        top, left = self.place
        shape = ImageSize(self.shape.width // scale, self.shape.height // scale)
        return replace(self, shape=shape, place=(top // scale, left // scale))

    def facts(self) -> dict[str, Any]:
        """Return what is recorded about it."""
        top, left = self.place
        return {"top": top, "left": left, "flip": self.flip, "sharpness": self.sharpness}


def draw_framing(
    generator: np.random.Generator,
    image: NDArray[np.uint8],
    shape: ImageSize,
    recipe: Mapping[str, Any],
    step: int = 1,
) -> Framing:
    """Choose the part of a resized image.

    Args:
        generator: Draws the place, then whether to mirror: places are the same with and without.
        image: The image, [H, W, 3].
        shape: Size of the part.
        recipe: The plan's recipe.
        step: Places are multiples of this.

    Raises:
        SkippedImageError: The part is not sharp enough.
    """
    lowest = recipe["min_sharpness"]
    size = ImageSize(image.shape[1], image.shape[0])
    if recipe["crop"] == "random" and lowest > 0:
        place, found = choose_place(generator, image, shape, lowest, step)
    else:
        is_random = recipe["crop"] == "random"
        place = (
            draw_place(generator, size, shape, step)
            if is_random
            else center_place(size, shape, step)
        )
        found = check_sharp(cut(image, place, shape), lowest)
    flip = recipe["flip"] and bool(generator.integers(2))
    return Framing(shape, place, flip, found)

"""Crop and flip all images of a sample alike: the part of them that a training reads.

`crop` is in pixels of the largest image of the sample. All others are smaller by integer factors,
and the crop begins at a multiple of their common multiple: the parts show the same pixels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pairgen.errors import ConfigError
from pairgen.seeding import Stream, generator_for

# An order of samples holds no more sets than this, and 2^47 epochs are left below 2^63.
_MAX_SETS = 2**16


@dataclass(frozen=True)
class Frame:
    """The part of the images of one sample that is read.

    Attributes:
        top: First row, in pixels of the largest image.
        left: First column.
        side: Rows and columns; 0 for whole images.
        height: Height of the largest image.
        flipped: Whether left and right are swapped.
    """

    top: int
    left: int
    side: int
    height: int
    flipped: bool

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Return the part of one of the images, [H, W] or [H, W, C]."""
        if self.side:
            factor = self.height // len(image)
            top, left, side = (value // factor for value in (self.top, self.left, self.side))
            image = image[top : top + side, left : left + side]
        return cv2.flip(image, 1) if self.flipped else image


@dataclass(frozen=True)
class Images:
    """The images of every sample of a dataset.

    Attributes:
        url: URL of the dataset.
        shapes: Field to stored shape, [H, W, C].
    """

    url: str
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def largest(self) -> str:
        """Field of the largest image."""
        return max(self.shapes, key=lambda field: self.shapes[field][0])

    def factor(self, field: str) -> int:
        """Return how many times smaller an image is than the largest.

        Raises:
            ConfigError: The factor is no integer, or differs between height and width.
        """
        large, small = self.shapes[self.largest], self.shapes[field]
        factor = large[0] // small[0]
        if (small[0] * factor, small[1] * factor) != large[:2]:
            raise ConfigError(
                f"crop needs images that are smaller by integer factors: {self._shown(field)} "
                f"is no integer fraction of {self._shown(self.largest)}."
            )
        return factor

    @property
    def step(self) -> int:
        """Distance of the places where a crop may begin, in pixels of the largest image."""
        return math.lcm(*map(self.factor, self.shapes))

    def check(self, crop: int) -> None:
        """Raise ConfigError unless a crop of this side can be cut from every image."""
        for field in self.shapes:
            factor = self.factor(field)
            if crop % factor:
                raise ConfigError(
                    f"crop must be divisible by {factor}, because {self._shown(field)} is "
                    f"{factor} times smaller than {self._shown(self.largest)}, got {crop}."
                )
        most = min(self.shapes[self.largest][:2])
        if crop > most:
            raise ConfigError(
                f"crop must be at most {most}, the shorter side of {self._shown(self.largest)}, "
                f"got {crop}."
            )

    def _shown(self, field: str) -> str:
        height, width, _ = self.shapes[field]
        return f"{field} of {self.url} ({width} x {height} px)"


@dataclass(frozen=True)
class Framing:
    """How a training crops and flips the images of its datasets.

    Attributes:
        seed: Seed of the training.
        crop: Side of the crops, in pixels of the largest image; 0 for whole images.
        flip: Whether each sample is flipped left to right with probability 1/2.
        images: The images of each dataset.
    """

    seed: int
    crop: int
    flip: bool
    images: tuple[Images, ...]

    def spec(self, set_index: int, field: str, stored: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return dtype and shape of a field as it is read, from those that are stored."""
        images = self.images[set_index]
        if not self.crop or field not in images.shapes:
            return stored
        side = self.crop // images.factor(field)
        return {**stored, "shape": [side, side, stored["shape"][2]]}

    def frames(self, epoch: int, set_index: int, indices: Sequence[int]) -> list[Frame]:
        """Return the parts to read of samples of a dataset.

        They depend on (seed, epoch, set, index) only, not on the place of a sample in the order.
        """
        images = self.images[set_index]
        if not (self.crop or self.flip):
            return [Frame(0, 0, 0, 0, False)] * len(indices)
        height, width, _ = images.shapes[images.largest]
        step = images.step if self.crop else 1
        nums = [(size - self.crop) // step + 1 for size in (height, width)]
        part = epoch * _MAX_SETS + set_index
        found = []
        for index in indices:
            generator = generator_for(self.seed, index, Stream.FRAME, part=part)
            # Drawn first, and always: with and without crops, flips are the same.
            flipped = bool(generator.integers(2)) and self.flip
            top, left = (step * int(generator.integers(num)) for num in nums)
            found.append(Frame(top, left, self.crop, height, flipped))
        return found


def check_framing(framing: Framing) -> None:
    """Check that every dataset has images, and that they can be cropped.

    Raises:
        ConfigError: A dataset has none, or images of other sizes.
    """
    for images in framing.images if framing.crop or framing.flip else ():
        if not images.shapes:
            raise ConfigError("crop and flip need an image among the fields, such as 'png'.")
        if framing.crop:
            images.check(framing.crop)

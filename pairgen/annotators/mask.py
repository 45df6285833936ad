"""Drawn masks for inpainting: `mask.png`, white where an image is to be painted, and its share.

The mask of a sample is drawn from the set's seed and the sample's slot; no pixel is looked at.

Reference:
    Suvorov et al. 2022 (LaMa), arXiv:2109.07161, Section 2.4: masks of polygonal chains that are
    dilated, and of rectangles; the numbers here are simpler.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.annotators._options import PictureOptions
from pairgen.annotators.base import (
    Added,
    Annotator,
    ParentSample,
    Setup,
    one_channel,
    picture_member,
)
from pairgen.options import Option
from pairgen.rules import Integer, Number
from pairgen.seeding import Stream, generator_for
from pairgen.signature import takes

MEMBER, COLUMN = "mask.png", "mask_share"
# A stroke has one segment to this many, and a brush of this share of the side, low and high.
MAX_SEGMENTS = 6
BRUSH = (0.03, 0.12)
# The sides of a box are at least this share of the image's.
SMALLEST_BOX = 0.1


class MaskOptions(PictureOptions):
    """Options of `mask`."""

    command = "the mask annotator"

    max_shapes: Annotated[
        int,
        Integer(1, 100),
        Option(
            "Largest number of shapes in a mask; every number from 1 to this one is equally likely."
        ),
    ] = 4
    boxes: Annotated[
        float, Number(0.0, 1.0), Option("Probability that a shape is a box instead of a stroke.")
    ] = 0.5
    largest: Annotated[
        float,
        Number(SMALLEST_BOX, 1.0),
        Option(
            "Largest side of a box, and of a segment of a stroke, as a share of the image's side."
        ),
    ] = 0.5


OPTIONS = MaskOptions


def draw_mask(
    generator: np.random.Generator, height: int, width: int, options: MaskOptions
) -> NDArray[np.uint8]:
    """Draw a mask, [H, W, 1]: 255 where an image is to be painted, else 0."""
    mask = np.zeros((height, width), np.uint8)
    for _ in range(generator.integers(1, options.max_shapes + 1)):
        draw = _draw_box if generator.random() < options.boxes else _draw_stroke
        draw(generator, mask, options.largest)
    return mask[..., None]


def _draw_box(generator: np.random.Generator, mask: NDArray[np.uint8], largest: float) -> None:
    sides = np.array(mask.shape) * generator.uniform(SMALLEST_BOX, largest, 2)
    rows, columns = np.maximum(sides.astype(int), 1).tolist()
    top = int(generator.integers(mask.shape[0] - rows + 1))
    left = int(generator.integers(mask.shape[1] - columns + 1))
    mask[top : top + rows, left : left + columns] = 255


def _draw_stroke(generator: np.random.Generator, mask: NDArray[np.uint8], largest: float) -> None:
    height, width = mask.shape
    side = min(height, width)
    brush = max(1, round(side * generator.uniform(*BRUSH)))
    place = generator.uniform((0, 0), (width, height))
    angle = generator.uniform(0, 2 * np.pi)
    for _ in range(generator.integers(1, MAX_SEGMENTS + 1)):
        angle += generator.uniform(-0.5, 0.5) * np.pi
        step = side * generator.uniform(0, largest) * np.array([np.cos(angle), np.sin(angle)])
        after = np.clip(place + step, (0, 0), (width - 1, height - 1))
        cv2.line(mask, _pixel(place), _pixel(after), 255, brush)
        place = after


def _pixel(place: NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.floor(place).astype(int).tolist()
    return x, y


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on.
        **options: The options.
    """
    chosen = OPTIONS(**options)
    picture = picture_member(setup.members, chosen.image)
    height, width, _ = setup.members[picture]["shape"]

    def annotate(samples: Sequence[ParentSample]) -> list[Added]:
        return [added(sample.index) for sample in samples]

    def added(index: int) -> Added:
        generator = generator_for(setup.seed, index, Stream.MASK)
        mask = draw_mask(generator, height, width, chosen)
        return Added({MEMBER: mask}, {COLUMN: float(np.mean(mask == 255))})

    # The image gives the size alone.
    return Annotator(
        reads=(),
        adds={MEMBER: one_channel(setup.members[picture])},
        facts=(COLUMN,),
        open=lambda _: annotate,
    )

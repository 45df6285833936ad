"""A pencil sketch: `sketch.png`, dark lines on white."""

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
    gray,
    one_channel,
    picture_member,
)
from pairgen.options import Option
from pairgen.rules import Number
from pairgen.signature import takes

MEMBER = "sketch.png"


class SketchOptions(PictureOptions):
    """Options of `sketch`."""

    command = "the sketch annotator"

    sigma: Annotated[
        float,
        Number(0.1, 1000.0),
        Option("Standard deviation of the blur in pixels; larger values draw broader lines."),
    ] = 4.0


OPTIONS = SketchOptions


def sketch(picture: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Return gray / blurred gray as [H, W, 1], 255 where a pixel is as bright as around it.

    Known as color dodge: what is darker than its surroundings, by a Gaussian of `sigma` pixels,
    becomes a line; flat and brighter parts are white.
    """
    levels = gray(picture)
    blurred = cv2.GaussianBlur(levels, (0, 0), sigma)
    # Of two black pixels, none is darker.
    found = np.where(blurred == 0, 255, cv2.divide(levels, blurred, scale=255))
    return found.astype(np.uint8)[..., None]


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on.
        **options: The options.
    """
    chosen = OPTIONS(**options)
    picture = picture_member(setup.members, chosen.image)

    def annotate(samples: Sequence[ParentSample]) -> list[Added]:
        return [Added({MEMBER: sketch(sample.fields[picture], chosen.sigma)}) for sample in samples]

    return Annotator(
        reads=(picture,),
        adds={MEMBER: one_channel(setup.members[picture])},
        open=lambda _: annotate,
    )

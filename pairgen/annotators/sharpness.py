"""How sharp an image is: the column `sharpness`, for `--where "sharpness > 20"`."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.annotators._options import PictureOptions
from pairgen.annotators.base import Added, Annotator, ParentSample, Setup, gray, picture_member
from pairgen.signature import takes

COLUMN = "sharpness"


class SharpnessOptions(PictureOptions):
    """Options of `sharpness`."""

    command = "the sharpness annotator"


OPTIONS = SharpnessOptions


def sharpness(picture: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of the gray values, in squared 8-bit levels.

    It is the number that `pairgen degrade` records of its crops: below 10 an image [H, W, 3] is
    flat or out of focus, and texture has hundreds.

    Reference:
        Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy": the measure.
    """
    return float(cv2.Laplacian(gray(picture), cv2.CV_32F).var())


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on.
        **options: The options.
    """
    picture = picture_member(setup.members, OPTIONS(**options).image)

    def annotate(samples: Sequence[ParentSample]) -> list[Added]:
        return [Added(facts={COLUMN: sharpness(sample.fields[picture])}) for sample in samples]

    return Annotator(reads=(picture,), facts=(COLUMN,), open=lambda _: annotate)

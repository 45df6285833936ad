"""Edges by Canny's detector: `canny.png`, white on black."""

from collections.abc import Sequence
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from pairgen.annotators._options import PictureOptions
from pairgen.annotators.base import (
    Added,
    Annotator,
    ParentSample,
    Setup,
    one_channel,
    picture_member,
)
from pairgen.errors import ConfigError
from pairgen.options import Option
from pairgen.rules import Number, Switch
from pairgen.signature import takes

MEMBER = "canny.png"


class CannyOptions(PictureOptions):
    """Options of `canny`."""

    command = "the canny annotator"

    low: Annotated[
        float,
        Number(0.0, 1e5),
        Option(
            "Lower threshold of the hysteresis: a pixel with a smaller gradient is not an edge."
        ),
    ] = 100.0
    high: Annotated[
        float,
        Number(0.0, 1e5),
        Option("Upper threshold of the hysteresis: a pixel with a larger gradient starts an edge."),
    ] = 200.0
    l2: Annotated[
        bool, Switch(), Option("Measure a gradient by its L2 norm instead of its L1 norm.")
    ] = False

    @model_validator(mode="after")
    def _check_together(self) -> "CannyOptions":
        if self.low > self.high:
            raise ConfigError(f"low must be at most high, {self.high:g}, got {self.low:g}.")
        return self


OPTIONS = CannyOptions


def edges(picture: NDArray[np.uint8], options: CannyOptions) -> NDArray[np.uint8]:
    """Return the edges of an RGB image [H, W, 3]: 255 on an edge, else 0, [H, W, 1].

    Reference:
        Canny 1986, "A computational approach to edge detection"; as `cv2.Canny` computes it, of
        each pixel's channel with the strongest gradient. ControlNet's examples use 100 and 200.
    """
    found = cv2.Canny(picture, options.low, options.high, L2gradient=options.l2)
    return np.asarray(found, np.uint8)[..., None]


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
        return [Added({MEMBER: edges(sample.fields[picture], chosen)}) for sample in samples]

    return Annotator(
        reads=(picture,),
        adds={MEMBER: one_channel(setup.members[picture])},
        open=lambda _: annotate,
    )

"""The second image of a sample: LR of a pair, or the source of an edit."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.kinds.collect.acceptance import partner_named
from pairgen.kinds.collect.framing import Framing
from pairgen.kinds.collect.geometry import resized
from pairgen.kinds.collect.shift import measure_shift
from pairgen.kinds.images.source_pixels import decode_planned, read_planned
from pairgen.shards.format.image_encoding import encode_image
from pairgen.sources.image_list import PlannedImage
from pairgen.sources.photographs import ImageSize
from pairgen.types import Field


@dataclass(frozen=True)
class Partner:
    """What the second image adds to a sample.

    Attributes:
        fields: Its member.
        facts: The facts about it.
    """

    fields: dict[str, Field]
    facts: dict[str, Any]


def make_partner(
    planned: PlannedImage, image: NDArray[np.uint8], framing: Framing, recipe: Mapping[str, Any]
) -> Partner:
    """Cut the second image where the first one is cut.

    Args:
        planned: The planned pair.
        image: The first image, resized as planned, [H, W, 3].
        framing: The square of the first image.
        recipe: The plan's recipe.

    Raises:
        UnusableImageError: The second image cannot be used or read.
    """
    scale = recipe.get("scale", 1)
    size = ImageSize(planned.size.width // scale, planned.size.height // scale)
    with partner_named(planned.file) as file:
        data = read_planned(file)
        other = decode_planned(data, size)
    facts = {"partner_crc32": zlib.crc32(data)}
    if recipe["layout"] == "edits":
        other = resized(other, ImageSize(image.shape[1], image.shape[0]))
        return Partner({"src.png": encode_image(framing.cut(other), "png")}, facts)
    right, down = measure_shift(reduced(image, scale), other)
    lr = framing.reduced(scale).cut(other)
    shift = {"shift_x": right, "shift_y": down}
    return Partner({f"lr{scale}.png": encode_image(lr, "png")}, facts | shift)


def reduced(image: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return an image [H, W, 3] that is `scale` times smaller, each pixel the mean of a square."""
    size = image.shape[1] // scale, image.shape[0] // scale
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)

"""Prepare images for a vision model as its `preprocessor_config.json` says, without torchvision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pairgen.errors import TeacherLoadError
from pairgen.teachers._pretrained.files import Snapshot, read_json

FILE = "preprocessor_config.json"


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How an image is resized, cropped and normalized.

    Attributes:
        size: Height and width to resize to; None to resize the shorter side to `shortest_edge`.
        shortest_edge: Length of the shorter side.
        keep_aspect_ratio: Whether both sides are scaled alike, by the factor nearer to 1.
        multiple: Both sides become multiples of it.
        crop: Height and width that are cut out of the middle; None for all.
        resample: Filter, as Pillow numbers it.
        factor: Multiplies the levels 0 to 255.
        mean: Mean of each channel, which is subtracted.
        std: Standard deviation of each channel, which it is divided by.
    """

    size: tuple[int, int] | None
    shortest_edge: int
    keep_aspect_ratio: bool
    multiple: int
    crop: tuple[int, int] | None
    resample: int
    factor: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return an image [H, W, 3] as [3, H', W']."""
        height, width = self._resized(*picture.shape[:2])
        image = Image.fromarray(picture)
        if (height, width) != picture.shape[:2]:
            image = image.resize((width, height), Image.Resampling(self.resample))
        values = np.asarray(image)
        if self.crop is not None:
            top, left = (height - self.crop[0]) // 2, (width - self.crop[1]) // 2
            values = values[top : top + self.crop[0], left : left + self.crop[1]]
        scaled = values.astype(np.float64) * self.factor
        mean, std = (np.array(each, np.float32) for each in (self.mean, self.std))
        normal: NDArray[np.float32] = (scaled.astype(np.float32) - mean) / std
        return np.ascontiguousarray(normal.transpose(2, 0, 1))

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if self.size is None:
            short, long = sorted((height, width))
            long = int(self.shortest_edge * long / short)
            return (self.shortest_edge, long) if height <= width else (long, self.shortest_edge)
        scales = [self.size[0] / height, self.size[1] / width]
        if self.keep_aspect_ratio:
            scales = [min(scales, key=lambda scale: abs(1 - scale))] * 2
        found = (scales[0] * height, scales[1] * width)
        rows, columns = (round(side / self.multiple) * self.multiple for side in found)
        return rows, columns


def read_preparation(snapshot: Snapshot, *, square: bool = False) -> Preparation:
    """Read how a model's images are prepared.

    Args:
        snapshot: The model's files.
        square: Whether a size of one number, as older files have it, is that of both sides; else it
            is that of the shorter one. The class in transformers decides it, not the file.

    Raises:
        TeacherLoadError: The file is missing, or says something that is not known here.
    """
    data = read_json(snapshot, FILE)
    size, crop = _sides(data.get("size", {}), square), _sides(data.get("crop_size", {}), True)
    try:
        return Preparation(
            size=None if "shortest_edge" in size else (size["height"], size["width"]),
            shortest_edge=size.get("shortest_edge", 0),
            keep_aspect_ratio=bool(data.get("keep_aspect_ratio", False)),
            multiple=int(data.get("ensure_multiple_of", 1)),
            crop=(crop["height"], crop["width"]) if data.get("do_center_crop") else None,
            resample=int(data.get("resample", Image.Resampling.BICUBIC)),
            factor=float(data.get("rescale_factor", 1 / 255)),
            mean=tuple(data["image_mean"]),
            std=tuple(data["image_std"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TeacherLoadError(
            f"{FILE} of {snapshot.location} cannot be used: {type(error).__name__}: {error}."
        ) from None


def _sides(value: Any, square: bool) -> Mapping[str, int]:
    """Return a size that older files give as one number: of both sides, or of the shorter one."""
    if not isinstance(value, int):
        found: Mapping[str, int] = value
        return found
    return {"height": value, "width": value} if square else {"shortest_edge": value}

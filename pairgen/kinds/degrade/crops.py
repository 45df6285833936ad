"""Which part of a photograph becomes HR: random crops, or the tiles of a grid."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.sources.photographs import ImageSize, SkippedImageError, UnusableImageError

# Places tried for a random crop that must be sharp.
MAX_TRIES = 10


def count_crops(
    size: ImageSize, crop: int, samples_per_image: int, tiled: bool, max_aspect: float
) -> int:
    """Return how many crops an image gives: `samples_per_image`, or one a tile.

    Args:
        size: Of the image, px.
        crop: Side of a crop, px.
        samples_per_image: Random crops an image.
        tiled: Tiles that do not overlap, instead.
        max_aspect: Longer side over shorter one, at most.

    Raises:
        UnusableImageError: It gives none; the message says why.
        SkippedImageError: Because of `max_aspect`.
    """
    short, long = sorted((size.width, size.height))
    if short < crop:
        raise UnusableImageError(f"smaller than {crop} px: {size.width} x {size.height}")
    if long > max_aspect * short:
        raise SkippedImageError(
            f"aspect above {max_aspect:g}: {size.width} x {size.height} is {long / short:.2f}"
        )
    return (size.width // crop) * (size.height // crop) if tiled else samples_per_image


def tile_place(size: ImageSize, crop: int, number: int) -> tuple[int, int]:
    """Return (top, left) of a tile, row by row; the grid lies in the middle of the image."""
    row, column = divmod(number, size.width // crop)
    return (size.height % crop) // 2 + row * crop, (size.width % crop) // 2 + column * crop


def draw_place(generator: np.random.Generator, size: ImageSize, crop: int) -> tuple[int, int]:
    """Draw (top, left) of a crop, every place equally likely."""
    top, left = generator.integers((size.height - crop + 1, size.width - crop + 1))
    return int(top), int(left)


def cut(image: NDArray[np.uint8], place: tuple[int, int], crop: int) -> NDArray[np.uint8]:
    """Return the crop [crop, crop, C] of an image [H, W, C] at (top, left)."""
    top, left = place
    return np.ascontiguousarray(image[top : top + crop, left : left + crop])


def sharpness(image: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of the gray values, in squared levels of 8 bits.

    Near 0 where a picture [H, W, 3] is flat or out of focus; hundreds where it has texture.

    Reference:
        Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy": the measure.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(gray, cv2.CV_32F).var())


def choose_place(
    generator: np.random.Generator,
    image: NDArray[np.uint8],
    crop: int,
    min_sharpness: float,
) -> tuple[tuple[int, int], float]:
    """Draw places until one is sharp enough; return (top, left) and the sharpness there.

    Raises:
        SkippedImageError: None of ten places is.
    """
    size, best = ImageSize(image.shape[1], image.shape[0]), 0.0
    for _ in range(MAX_TRIES):
        place = draw_place(generator, size, crop)
        found = sharpness(cut(image, place, crop))
        if found >= min_sharpness:
            return place, found
        best = max(best, found)
    raise SkippedImageError(
        f"flat or blurred: sharpness at most {best:.1f} in {MAX_TRIES} places, below "
        f"{min_sharpness:g}"
    )

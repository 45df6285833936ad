"""Choose the part of an image to keep: its limits, its place, how sharp it is."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.sources.photographs import ImageSize, SkippedImageError

# Number of positions to try for a random crop that must be sharp.
MAX_TRIES = 10


def check_aspect(size: ImageSize, max_aspect: float) -> None:
    """Check the ratio of the longer side to the shorter one.

    Raises:
        SkippedImageError: It exceeds `max_aspect`.
    """
    short, long = sorted((size.width, size.height))
    if long > max_aspect * short:
        raise SkippedImageError(
            f"aspect above {max_aspect:g}: {size.width} x {size.height} is {long / short:.2f}"
        )


def draw_place(
    generator: np.random.Generator, size: ImageSize, crop: ImageSize, step: int = 1
) -> tuple[int, int]:
    """Draw (top, left) of a crop uniformly, from the multiples of `step`."""
    top, left = generator.integers(
        ((size.height - crop.height) // step + 1, (size.width - crop.width) // step + 1)
    )
    return step * int(top), step * int(left)


def cut(image: NDArray[np.uint8], place: tuple[int, int], crop: ImageSize) -> NDArray[np.uint8]:
    """Return the crop of an image [H, W, C] at (top, left)."""
    top, left = place
    return np.ascontiguousarray(image[top : top + crop.height, left : left + crop.width])


def sharpness(image: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of the gray values, in squared 8-bit levels.

    It is near 0 if an image [H, W, 3] is flat or out of focus, and in the hundreds if it has
    texture.

    Reference:
        Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy": the measure.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(gray, cv2.CV_32F).var())


def check_sharp(picture: NDArray[np.uint8], min_sharpness: float) -> float:
    """Return the sharpness of a crop [H, W, 3].

    Raises:
        SkippedImageError: It is below `min_sharpness`.
    """
    found = sharpness(picture)
    if found < min_sharpness:
        raise SkippedImageError(f"flat or blurred: sharpness {found:.1f}, below {min_sharpness:g}")
    return found


def choose_place(
    generator: np.random.Generator,
    image: NDArray[np.uint8],
    crop: ImageSize,
    min_sharpness: float,
    step: int = 1,
) -> tuple[tuple[int, int], float]:
    """Draw positions until a crop is sharp enough; return its (top, left) and sharpness.

    Raises:
        SkippedImageError: None of ten positions is sharp enough.
    """
    size, best = ImageSize(image.shape[1], image.shape[0]), 0.0
    for _ in range(MAX_TRIES):
        place = draw_place(generator, size, crop, step)
        found = sharpness(cut(image, place, crop))
        if found >= min_sharpness:
            return place, found
        best = max(best, found)
    raise SkippedImageError(
        f"flat or blurred: sharpness at most {best:.1f} in {MAX_TRIES} places, below "
        f"{min_sharpness:g}"
    )

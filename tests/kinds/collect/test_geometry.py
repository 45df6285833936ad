"""Sizes, places and mirroring, on images whose pixels tell where they lie."""

import numpy as np
import pytest
from PIL import Image

from pairgen.kinds.collect.geometry import (
    center_place,
    check_min_size,
    fitted_size,
    mirrored,
    resized,
)
from pairgen.sources.photographs import ImageSize, SkippedImageError, UnusableImageError

SQUARE = ImageSize(64, 64)


def coordinates(height: int, width: int) -> np.ndarray:
    """Return an image whose red is the row and whose green is the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, rows * 0], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "side", "expected"),
    [
        (720, 600, 128, (154, 128)),
        (600, 720, 128, (128, 154)),
        (512, 512, 512, (512, 512)),
        (513, 512, 512, (513, 512)),
        # 2.5 and 3.5 go up.
        (5, 2, 1, (3, 1)),
        (7, 2, 1, (4, 1)),
    ],
)
def test_the_shorter_side_becomes_the_side(width, height, side, expected):
    found = fitted_size(ImageSize(width, height), ImageSize(side, side), False)
    assert (found.width, found.height) == expected


def test_small_images_are_refused_or_enlarged_within_limits():
    with pytest.raises(UnusableImageError, match="smaller than 64 px: 63 x 100"):
        fitted_size(ImageSize(63, 100), SQUARE, False)
    assert fitted_size(ImageSize(63, 100), SQUARE, True) == ImageSize(64, 102)
    with pytest.raises(UnusableImageError, match="too large when resized: 3200000 x 64 px"):
        fitted_size(ImageSize(50_000, 1), SQUARE, True)
    with pytest.raises(SkippedImageError, match="shorter side below 64 px: 63 x 100"):
        check_min_size(ImageSize(63, 100), 64)
    check_min_size(ImageSize(64, 100), 64)


def test_the_middle_is_kept():
    assert center_place(ImageSize(100, 64), SQUARE) == (0, 18)
    assert center_place(ImageSize(64, 101), SQUARE) == (18, 0)


def test_resizing_is_pillows_antialiased_lanczos_and_keeps_places():
    image = coordinates(200, 240)
    small = resized(image, ImageSize(120, 100))
    expected = Image.fromarray(image).resize((120, 100), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(small, np.asarray(expected))
    # Pixel (i, j) lies at (2 i + 0.5, 2 j + 0.5) of the image: half a pixel is rounding.
    rows, columns = np.mgrid[:100, :120]
    inside = (slice(3, -3), slice(3, -3))
    assert np.abs(small[..., 0] - (2 * rows + 0.5))[inside].max() <= 0.5
    assert np.abs(small[..., 1] - (2 * columns + 0.5))[inside].max() <= 0.5
    # Lines of one pixel become their mean, not a moire.
    lines = np.zeros((64, 64, 3), np.uint8)
    lines[:, ::2] = 255
    assert np.ptp(resized(lines, ImageSize(16, 16))[:, 2:-2].astype(int)) <= 2
    assert resized(image, ImageSize(240, 200)) is image


def test_mirroring_is_left_to_right():
    image = coordinates(4, 6)
    np.testing.assert_array_equal(mirrored(image)[..., 1], image[:, ::-1, 1])
    np.testing.assert_array_equal(mirrored(image)[..., 0], image[..., 0])

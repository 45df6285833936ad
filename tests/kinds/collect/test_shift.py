"""Known shifts are found to a tenth of a pixel, whatever the scale."""

import cv2
import numpy as np
import pytest

from pairgen.config import packaged_assets
from pairgen.kinds.collect.partner import reduced
from pairgen.kinds.collect.shift import measure_shift
from pairgen.sources.photographs import decode_rgb
from tests.degradations.pictures import make_picture

PHOTOGRAPHS = sorted((packaged_assets() / "photographs").glob("*.jpg"))


def pictures() -> list[np.ndarray]:
    made = (make_picture(600, 700, seed=1) * 255).round().astype(np.uint8)
    return [*(decode_rgb(path.read_bytes()) for path in PHOTOGRAPHS), made]


def shifted_lr(hr: np.ndarray, scale: int, side: int, x: float, y: float) -> np.ndarray:
    """Return LR of the square at (100, 100), its content moved right and down; blurred, noisy."""
    left, top = round(100 - x * scale), round(100 - y * scale)
    part = np.ascontiguousarray(hr[top : top + side, left : left + side])
    lr = reduced(cv2.GaussianBlur(part, (0, 0), scale / 2), scale).astype(float)
    noise = np.random.default_rng(0).normal(0, 3, lr.shape)
    return np.clip(lr + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(
    "shift", [(0, 0), (0.5, 0), (0.5, -0.5), (2, 0), (-2, 1.5), (0, 2)], ids=str
)
def test_known_shifts_are_found(scale, shift):
    for hr in pictures():
        for side in (192, 480):
            square = np.ascontiguousarray(hr[100 : 100 + side, 100 : 100 + side])
            lr = shifted_lr(hr, scale, side, *shift)
            np.testing.assert_allclose(measure_shift(reduced(square, scale), lr), shift, atol=0.1)


def test_equal_and_flat_images_are_not_shifted():
    picture = pictures()[0][:128, :160]
    assert measure_shift(picture, picture) == (0.0, 0.0)
    flat = np.full((64, 64, 3), 9, np.uint8)
    assert measure_shift(flat, flat) == (0.0, 0.0)


def test_long_shifts_and_large_images_are_measured_in_the_middle():
    hr = pictures()[0]
    first, second = hr[20:580, 20:680], hr[20:580, 0:660]
    assert measure_shift(first, second) == pytest.approx((20, 0), abs=0.05)

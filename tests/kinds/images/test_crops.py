"""Crops: their places, and the measure of sharpness."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from pairgen.kinds.images.crops import choose_place, cut, draw_place, sharpness
from pairgen.sources.photographs import ImageSize, UnusableImageError

SIDE = ImageSize(32, 32)


def textured(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(height, width, 3), dtype=np.uint8)


def test_every_place_is_equally_likely_and_inside():
    generator, size = np.random.default_rng(3), ImageSize(12, 9)
    places = np.array([draw_place(generator, size, ImageSize(8, 8)) for _ in range(4000)])
    counts = np.histogram2d(places[:, 0], places[:, 1], bins=(2, 5))[0]
    assert places.max(axis=0).tolist() == [1, 4]
    assert scipy.stats.chisquare(counts.ravel()).pvalue > 1e-4
    assert draw_place(generator, ImageSize(8, 8), ImageSize(8, 8)) == (0, 0)


def test_sharpness_is_the_variance_of_the_laplacian():
    gray = textured(40, 50)[..., :1].repeat(3, axis=2)
    expected = scipy.ndimage.laplace(gray[..., 0].astype(float), mode="mirror").var()
    assert sharpness(gray) == pytest.approx(expected, rel=1e-5)
    assert sharpness(np.full((32, 32, 3), 77, np.uint8)) == 0
    blurred = scipy.ndimage.gaussian_filter(textured(64, 64).astype(float), (2, 2, 0))
    assert sharpness(blurred.astype(np.uint8)) < 0.02 * sharpness(textured(64, 64))


def test_a_sharp_place_is_searched_for_and_may_not_be_there():
    image = np.zeros((64, 256, 3), np.uint8)
    image[:, 128:] = textured(64, 128)
    for number in range(20):
        place, found = choose_place(np.random.default_rng(number), image, SIDE, 100)
        assert place[1] > 96
        assert found == sharpness(cut(image, place, SIDE)) >= 100
    with pytest.raises(UnusableImageError, match=r"sharpness at most 0\.0 in 10 places, below 1"):
        choose_place(np.random.default_rng(0), image[:, :128], SIDE, 1)

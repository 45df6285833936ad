"""Distances between pairs have the values that can be worked out by hand."""

import numpy as np
import pytest

from pairgen.errors import ConfigError
from pairgen.evaluation.pair_distance import psnr, relative_rms


def test_the_end_point_itself_is_at_distance_zero():
    latents = np.random.default_rng(0).standard_normal((3, 4, 8, 8))
    assert relative_rms(latents, latents).tolist() == [0, 0, 0]


def test_distances_are_relative_to_each_end_point():
    end_points = np.stack([np.full((4, 2, 2), 2.0), np.full((4, 2, 2), -8.0)])
    assert relative_rms(end_points + 1, end_points) == pytest.approx([1 / 2, 1 / 8])
    assert relative_rms(np.zeros_like(end_points), end_points) == pytest.approx([1, 1])


def test_half_precision_is_compared_in_double():
    end_points = np.full((1, 4096), 60000, np.float16)
    assert relative_rms(end_points, end_points * 0.5) == pytest.approx([1.0])


def test_psnr_of_a_known_error():
    reference = np.full((2, 4, 4, 3), 100, np.uint8)
    found = reference.copy()
    found[1] += 51
    # One fifth of the peak everywhere: 20 log10 5. No value wraps around.
    assert psnr(found, reference) == pytest.approx([np.inf, 20 * np.log10(5)])
    assert psnr(reference, found)[1] == psnr(found, reference)[1]


@pytest.mark.parametrize(
    ("found", "end_points", "message"),
    [
        (np.zeros((2, 3)), np.ones((3, 3)), "the same shape"),
        (np.zeros((0, 3)), np.ones((0, 3)), "the same shape"),
        (np.full((1, 3), np.nan), np.ones((1, 3)), "finite"),
        (np.ones((1, 3)), np.zeros((1, 3)), "zero everywhere"),
    ],
)
def test_what_cannot_be_compared_is_refused(found, end_points, message):
    with pytest.raises(ConfigError, match=message):
        relative_rms(found, end_points)


def test_pictures_of_other_kinds_are_refused():
    pictures = np.zeros((1, 2, 2, 3))
    with pytest.raises(ConfigError, match="uint8, got float64"):
        psnr(pictures, pictures)

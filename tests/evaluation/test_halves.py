"""Distances between halves: equal for equal distributions, larger by a known shift for others."""

import numpy as np
import pytest

from pairgen.errors import ConfigError
from pairgen.evaluation.frechet import frechet_distance, statistics
from pairgen.evaluation.halves import halves_distance


def gaussian(seed: int, num: int = 4000) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((num, 4))


def test_another_draw_of_the_same_distribution_gets_about_the_floor():
    floor = halves_distance(gaussian(0), gaussian(0))
    other = halves_distance(gaussian(1), gaussian(0))
    assert 0 < floor < 0.02
    assert other == pytest.approx(floor, abs=0.01)


def test_a_shift_adds_its_square():
    # Equal covariances: the distance is the squared distance of the means.
    shifted = gaussian(0) + np.array([3.0, 0, 0, 4.0])
    assert halves_distance(shifted, gaussian(0)) == pytest.approx(25, abs=0.6)


def test_paired_pictures_cannot_hide_below_the_floor():
    features = gaussian(2, 200)
    stats = statistics(features)
    paired = frechet_distance(stats.mean, stats.cov, stats.mean, stats.cov)
    assert paired == pytest.approx(0, abs=1e-9)
    assert halves_distance(features, features) > 0.01


def test_the_splits_follow_from_the_seed():
    features = gaussian(3, 50)
    assert halves_distance(features, features) == halves_distance(features, features)
    assert halves_distance(features, features) != halves_distance(features, features, seed=1)


def test_too_few_pictures_are_told_with_the_number_that_it_takes():
    with pytest.raises(ConfigError, match="need at least 10 images, got 9"):
        halves_distance(gaussian(0, 9), gaussian(0, 9))
    assert halves_distance(gaussian(0, 10), gaussian(0, 10)) > 0
    with pytest.raises(ConfigError, match=r"\[9, 4\] and \[10, 4\]"):
        halves_distance(gaussian(0, 9), gaussian(0, 10))

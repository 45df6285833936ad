"""Frechet distance: closed forms, scipy's matrix root, and what is refused."""

import numpy as np
import pytest
import scipy.linalg

from pairgen.errors import ConfigError
from pairgen.evaluation.frechet import frechet_distance, statistics


def random_gaussian(seed: int, dimension: int = 12) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    factor = generator.normal(size=(dimension, dimension))
    return generator.normal(size=dimension), factor @ factor.T / dimension


def test_diagonal_covariances_have_a_closed_form():
    # Commuting covariances: |m_a - m_b|^2 + sum (s_a - s_b)^2 over standard deviations.
    stds_a, stds_b = np.array([1.0, 2.0, 0.5]), np.array([3.0, 2.0, 0.0])
    mean_a, mean_b = np.array([1.0, 0.0, -1.0]), np.array([0.0, 2.0, -1.0])
    found = frechet_distance(mean_a, np.diag(stds_a**2), mean_b, np.diag(stds_b**2))
    assert found == pytest.approx(5 + 4 + 0 + 0.25, abs=1e-7)


def test_a_turn_of_both_gaussians_changes_nothing():
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    (mean_a, cov_a), (mean_b, cov_b) = random_gaussian(1), random_gaussian(2)
    turned = (
        [rotation @ mean for mean in (mean_a, mean_b)],
        [
            (rotation @ cov @ rotation.T + (rotation @ cov @ rotation.T).T) / 2
            for cov in (cov_a, cov_b)
        ],
    )
    found = frechet_distance(turned[0][0], turned[1][0], turned[0][1], turned[1][1])
    assert found == pytest.approx(frechet_distance(mean_a, cov_a, mean_b, cov_b), rel=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_the_formula_by_scipys_matrix_root(seed):
    (mean_a, cov_a), (mean_b, cov_b) = random_gaussian(seed), random_gaussian(seed + 100)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    expected = np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a + cov_b - 2 * root)
    assert frechet_distance(mean_a, cov_a, mean_b, cov_b) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(mean_b, cov_b, mean_a, cov_a) == pytest.approx(expected, rel=1e-9)


def test_a_gaussian_is_at_no_distance_from_itself_even_when_singular():
    mean, cov = random_gaussian(3)
    assert frechet_distance(mean, cov, mean, cov) == pytest.approx(0, abs=1e-12)
    flat = np.outer(mean, mean)
    # Roots of rounding errors: sqrt(1e-16) each.
    assert frechet_distance(mean, flat, mean, flat) == pytest.approx(0, abs=1e-6)


def test_statistics_are_those_of_numpy():
    features = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    found = statistics(features)
    np.testing.assert_allclose(found.mean, features.astype(np.float64).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.cov, np.cov(features.astype(np.float64).T), rtol=1e-12)
    assert found.count == 40
    assert found.cov.dtype == np.float64


def test_many_samples_of_two_gaussians_come_near_their_distance():
    generator = np.random.default_rng(0)
    a = statistics(generator.normal(0, 1, (200_000, 3)))
    b = statistics(generator.normal(1, 2, (200_000, 3)))
    # Three coordinates, each (1 - 0)^2 + (2 - 1)^2.
    assert frechet_distance(a.mean, a.cov, b.mean, b.cov) == pytest.approx(6, rel=0.01)


def test_the_covariance_of_too_few_pictures_is_refused():
    features = np.random.default_rng(0).normal(size=(7, 6))
    assert statistics(features).count == 7
    with pytest.raises(ConfigError, match="need at least 7 images, got 6"):
        statistics(features[:6])


@pytest.mark.parametrize("features", [np.zeros(5), np.zeros((2, 3, 4)), np.full((9, 2), np.nan)])
def test_features_that_are_no_finite_matrix_are_refused(features):
    with pytest.raises(ConfigError, match="features must be"):
        statistics(features)


@pytest.mark.parametrize(
    ("mean_b", "cov_b", "reason"),
    [
        (np.zeros(3), np.eye(2), "for one D"),
        (np.zeros(2), np.eye(3), "for one D"),
        (np.zeros((2, 1)), np.eye(2), "for one D"),
        (np.zeros(2), np.zeros(2), "for one D"),
        (np.array([0, np.inf]), np.eye(2), "finite"),
        (np.zeros(2), np.array([[1, 0.5], [0, 1]]), "symmetric"),
    ],
)
def test_gaussians_that_do_not_fit_are_refused(mean_b, cov_b, reason):
    with pytest.raises(ConfigError, match=reason):
        frechet_distance(np.zeros(2), np.eye(2), mean_b, cov_b)


def test_a_covariance_with_a_negative_eigenvalue_is_none():
    mean, good, bad = np.zeros(2), np.eye(2), np.diag([1.0, -0.5])
    for covs in ((good, bad), (bad, good)):
        with pytest.raises(ConfigError, match="negative eigenvalue"):
            frechet_distance(mean, covs[0], mean, covs[1])

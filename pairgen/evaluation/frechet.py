"""Frechet distance between two sets of features, each treated as a Gaussian.

Reference:
    Dowson & Landau 1982, "The Frechet distance between multivariate normal distributions",
    Journal of Multivariate Analysis 12(3), Equation 4.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairgen.errors import ConfigError

# Rounding may make the two halves of a covariance differ this much, relative to its largest value.
MAX_ASYMMETRY = 1e-6


class TooFewError(ConfigError):
    """There are fewer images than statistics of their features need.

    Attributes:
        needed: The least number.
        count: The number there is.
    """

    def __init__(self, what: str, needed: int, count: int) -> None:
        super().__init__(f"{what} need at least {needed:,} images, got {count:,}.")
        self.needed, self.count = needed, count


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Statistics of a set of features, for a Frechet distance.

    Attributes:
        mean: Mean, [D], float64.
        cov: Unbiased covariance, [D, D], float64.
        count: Number of images.
    """

    mean: NDArray[np.float64]
    cov: NDArray[np.float64]
    count: int


def statistics(features: ArrayLike) -> Statistics:
    """Return mean and covariance of features [N, D], in float64.

    Raises:
        ConfigError: `features` is not a finite matrix.
        TooFewError: N < D + 1: the covariance of fewer samples is singular, whatever they are
            samples of.
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 2:
        raise ConfigError(f"features must be [N, D], got {list(x.shape)}.")
    count, dimension = x.shape
    if count < dimension + 1:
        raise TooFewError(f"Statistics in {dimension} dimensions", dimension + 1, count)
    if not np.isfinite(x).all():
        raise ConfigError("features must be finite, got NaN or infinity.")
    mean = x.mean(axis=0)
    centred = x - mean
    return Statistics(mean=mean, cov=centred.T @ centred / (count - 1), count=count)


def frechet_distance(
    mean_a: ArrayLike, cov_a: ArrayLike, mean_b: ArrayLike, cov_b: ArrayLike
) -> float:
    """Return d^2 of two Gaussians, which the field calls the Frechet distance.

    d^2 = |mean_a - mean_b|^2 + tr(cov_a + cov_b - 2 (cov_a cov_b)^(1/2)), in float64. Estimated
    statistics make it too large by an amount that shrinks as 1 / N: compare equal numbers of
    images.

    Args:
        mean_a: Mean, [D].
        cov_a: Symmetric covariance, [D, D].
        mean_b: Mean, [D].
        cov_b: Symmetric covariance, [D, D].

    Raises:
        ConfigError: The shapes do not match, a value is not finite, or a covariance is not
        symmetric or has a negative eigenvalue.

    Reference:
        Dowson & Landau 1982, Equation 4.
    """
    means = [np.asarray(mean, np.float64) for mean in (mean_a, mean_b)]
    covs = [np.asarray(cov, np.float64) for cov in (cov_a, cov_b)]
    _check_shapes([mean.shape for mean in means], [cov.shape for cov in covs])
    if not all(np.isfinite(values).all() for values in (*means, *covs)):
        raise ConfigError("Means and covariances must be finite, got NaN or infinity.")
    for cov in covs:
        if np.abs(cov - cov.T).max() > MAX_ASYMMETRY * np.abs(cov).max():
            raise ConfigError("A covariance must be symmetric.")
        eigenvalues = np.linalg.eigvalsh(cov)
        if eigenvalues.min() < -MAX_ASYMMETRY * max(eigenvalues.max(), 0):
            raise ConfigError("A covariance must have no negative eigenvalue.")
    # (A B)^(1/2) has the trace of (A^(1/2) B A^(1/2))^(1/2), whose inside is symmetric.
    root_a = _symmetric_root(covs[0])
    eigenvalues = np.linalg.eigvalsh(root_a @ covs[1] @ root_a)
    # Rounding may make zeros slightly negative.
    trace_root = np.sqrt(eigenvalues.clip(min=0)).sum()
    difference = means[0] - means[1]
    squared = difference @ difference + np.trace(covs[0]) + np.trace(covs[1]) - 2 * trace_root
    return max(0.0, float(squared))


def _symmetric_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the symmetric square root of a positive semidefinite matrix [D, D]."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = (vectors * np.sqrt(eigenvalues.clip(min=0))) @ vectors.T
    return root


def _check_shapes(means: list[tuple[int, ...]], covs: list[tuple[int, ...]]) -> None:
    """Raise ConfigError unless means are [D] and covariances [D, D] for one D >= 1."""
    dimension = means[0][0] if len(means[0]) == 1 else 0
    if dimension == 0 or means != 2 * [(dimension,)] or covs != 2 * [(dimension, dimension)]:
        found = ", ".join(str(list(shape)) for shape in (*means, *covs))
        raise ConfigError(f"Means must be [D] and covariances [D, D] for one D, got {found}.")

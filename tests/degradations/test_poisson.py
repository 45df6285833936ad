"""Poisson counts: scipy's quantiles, and the distribution that they have."""

import numpy as np
import pytest
import scipy.stats

from pairgen.degradations._poisson import poisson_counts


@pytest.mark.parametrize("peak", [1, 16, 256])
def test_counts_are_scipys_quantiles(peak):
    generator = np.random.default_rng(0)
    levels = generator.integers(256, size=(200, 300), dtype=np.uint8)
    numbers = generator.integers(2**32, size=levels.shape, dtype=np.uint32)
    expected = scipy.stats.poisson.ppf((numbers + 0.5) / 2**32, levels * (peak / 255)).clip(0)
    np.testing.assert_array_equal(poisson_counts(levels, peak, numbers), expected)


def test_the_ends_of_the_numbers_are_in_the_table():
    levels = np.array([0, 1, 128, 255] * 2, np.uint8)
    numbers = np.repeat(np.array([0, 2**32 - 1], np.uint32), 4)
    counts = poisson_counts(levels, 256, numbers)
    assert counts[0] == counts[4] == 0
    assert (counts[1:4] <= [1, 129, 256]).all()
    assert (counts[5:] >= [1, 129, 256]).all()
    assert counts.max() < 400


def test_a_count_grows_with_its_number_and_its_level():
    numbers = np.linspace(0, 2**32 - 1, 1000).astype(np.uint32)
    assert (np.diff(poisson_counts(np.full(1000, 90, np.uint8), 256, numbers)) >= 0).all()
    levels = np.arange(256, dtype=np.uint8)
    assert (np.diff(poisson_counts(levels, 256, np.full(256, 3 * 10**9, np.uint32))) >= 0).all()


@pytest.mark.parametrize("level", [3, 51, 255])
def test_counts_have_the_poisson_distribution(level):
    generator, mean = np.random.default_rng(1), level / 255 * 256
    numbers = generator.integers(2**32, size=200_000, dtype=np.uint32)
    counts = poisson_counts(np.full(numbers.shape, level, np.uint8), 256, numbers)
    expected = scipy.stats.poisson(mean).pmf(np.arange(400)) * counts.size
    common = expected > 20
    observed = np.bincount(counts, minlength=400)[:400]
    observed, expected = (
        np.append(each[common], each[~common].sum()) for each in (observed, expected)
    )
    expected *= counts.size / expected.sum()
    assert scipy.stats.chisquare(observed, expected).pvalue > 1e-4

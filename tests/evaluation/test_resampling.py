"""A figure is clearly below another only where the pairs leave no doubt."""

import numpy as np

from pairgen.evaluation.resampling import is_clearly_below


def test_a_difference_counts_where_every_draw_of_the_pairs_shows_it():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 10, 100)
    # Paired: how hard a pair is for both does not matter.
    better, worse = hard, hard + 0.1 + rng.normal(0, 0.1, 100)
    assert is_clearly_below(lambda at: better[at].mean(), lambda at: worse[at].mean(), 100)
    assert not is_clearly_below(lambda at: worse[at].mean(), lambda at: better[at].mean(), 100)
    alike = hard + rng.normal(0, 1, 100)
    assert not is_clearly_below(lambda at: hard[at].mean(), lambda at: alike[at].mean(), 100)
    assert not is_clearly_below(lambda at: hard[at].mean(), lambda at: hard[at].mean(), 100)


def test_it_is_as_strict_as_the_standard_error_says():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, 400)
    noise -= noise.mean()
    # 95 % of the draws lie above zero if the mean is 1.645 standard errors, 0.082, above it.
    for mean, clear in ((0.06, False), (0.11, True)):
        scores = noise + mean
        assert is_clearly_below(lambda _: 0.0, lambda at, s=scores: s[at].mean(), 400) == clear


def test_infinite_scores_are_neither_below_nor_an_error():
    infinite = np.full(10, -np.inf)
    assert not is_clearly_below(lambda at: infinite[at].mean(), lambda at: infinite[at].mean(), 10)
    assert is_clearly_below(lambda at: infinite[at].mean(), lambda _: 0.0, 10)

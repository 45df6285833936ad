"""Agreement with conditions: exact values by hand."""

import numpy as np
import pytest

from pairgen.errors import ConfigError
from pairgen.evaluation.conditions import edge_f1, painted_error


def test_f1_is_the_harmonic_mean_of_precision_and_recall():
    wanted = np.zeros((4, 2, 4), bool)
    wanted[:, 0, :] = True
    found = wanted.copy()
    # All; half of them and as many wrong ones; none; twice as many.
    found[1] = [[True, True, False, False], [True, True, False, False]]
    found[2] = False
    found[3] = True
    precision, recall = np.array([1, 0.5, 0.5]), np.array([1, 0.5, 1])
    expected = 2 * precision * recall / (precision + recall)
    scores = edge_f1(found, wanted)
    assert scores[[0, 1, 3]] == pytest.approx(expected) and scores[2] == 0
    # Without any edge in both they agree; one is enough to differ.
    none = np.zeros((2, 3, 3), bool)
    one = none.copy()
    one[1, 0, 0] = True
    assert edge_f1(none, one).tolist() == [1, 0]


def test_the_error_is_that_of_painted_pixels_alone():
    generator = np.random.default_rng(0)
    found, targets = generator.integers(0, 256, (2, 3, 4, 4, 3), np.uint8)
    painted = np.zeros((3, 4, 4), bool)
    painted[0, 1, 2] = painted[0, 3, 0] = painted[1] = True
    by_hand = np.abs(found.astype(int) - targets)
    scores = painted_error(found, targets, painted)
    assert scores[0] == pytest.approx((by_hand[0, 1, 2] + by_hand[0, 3, 0]).mean() / 2)
    assert scores[1] == pytest.approx(by_hand[1].mean())
    assert np.isnan(scores[2])


def test_shapes_must_be_equal():
    with pytest.raises(ConfigError, match=r"equal, got \[1, 2, 2\] and \[1, 2, 3\]"):
        edge_f1(np.zeros((1, 2, 2), bool), np.zeros((1, 2, 3), bool))
    with pytest.raises(ConfigError, match="Shapes must be equal"):
        painted_error(np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 3), bool))

"""Diversity: by hand, by brute force, and what is refused."""

from itertools import combinations

import numpy as np
import pytest

from pairgen.errors import ConfigError
from pairgen.evaluation.diversity import CHUNK, diversity


def test_distances_by_hand():
    # Prompt a at 0 and 3, prompt b at 10: within |0 - 3|; between (10 + 7) / 2.
    found = diversity([[0.0, 0.0], [3.0, 0.0], [10.0, 0.0]], ["a", "a", "b"])
    assert (found.within, found.between) == (3.0, 8.5)


def test_distances_by_brute_force_beyond_one_chunk():
    num = CHUNK + 30
    features = np.random.default_rng(0).normal(size=(num, 5))
    prompts = [f"prompt {i % 7}" for i in range(num)]
    distances = {True: [], False: []}
    for i, j in combinations(range(num), 2):
        distances[prompts[i] == prompts[j]].append(np.linalg.norm(features[i] - features[j]))
    found = diversity(features, prompts)
    assert found.within == pytest.approx(np.mean(distances[True]), rel=1e-12)
    assert found.between == pytest.approx(np.mean(distances[False]), rel=1e-12)


def test_one_picture_a_prompt_again_and_again_has_no_diversity():
    # Far from the origin, where |a|^2 + |b|^2 - 2ab would not give 0.
    features = np.repeat([[1000.1] * 64, [1003.3] * 64], 5, axis=0).astype(np.float32)
    found = diversity(features, ["a"] * 5 + ["b"] * 5)
    assert found.within == 0
    assert found.between == pytest.approx(8 * 3.2, rel=1e-3)


@pytest.mark.parametrize(
    ("features", "prompts"),
    [
        (np.zeros((3, 2)), ["a", "b"]),
        (np.zeros(3), ["a", "a", "b"]),
        (np.full((3, 2), np.inf), ["a", "a", "b"]),
        (np.zeros((3, 2)), ["a", "a", "a"]),
        (np.zeros((3, 2)), ["a", "b", "c"]),
    ],
)
def test_what_has_no_diversity_is_refused(features, prompts):
    with pytest.raises(ConfigError):
        diversity(features, prompts)

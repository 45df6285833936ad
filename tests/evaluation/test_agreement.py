"""Ranks of captions: by brute force, with ties, copies and what is refused."""

import numpy as np
import pytest

from pairgen.errors import ConfigError
from pairgen.evaluation.agreement import CHUNK, caption_ranks, mean_cosine, top_k_agreement


def unit_vectors(num: int, seed: int, dimension: int = 8) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(num, dimension))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_ranks_are_those_of_brute_force():
    num = CHUNK + 44
    candidates = unit_vectors(50, 0)
    own, pictures = unit_vectors(num, 1), unit_vectors(num, 2)
    expected = [
        1 + sum(float(picture @ other) >= float(picture @ caption) for other in candidates)
        for picture, caption in zip(pictures, own, strict=True)
    ]
    found = caption_ranks(pictures, own, candidates)
    np.testing.assert_array_equal(found, expected)
    assert found.min() == 1
    assert found.max() > 40


def test_length_plays_no_part():
    pictures, own, candidates = unit_vectors(9, 0), unit_vectors(9, 1), unit_vectors(30, 2)
    np.testing.assert_array_equal(
        caption_ranks(7 * pictures, 0.1 * own, 3 * candidates),
        caption_ranks(pictures, own, candidates),
    )


def test_the_mean_cosine_is_that_of_each_image_and_its_own_caption():
    pictures, own = np.array([[2.0, 0.0], [3.0, 4.0]]), np.array([[5.0, 0.0], [4.0, 3.0]])
    assert mean_cosine(pictures, own) == pytest.approx((1 + 0.96) / 2)
    with pytest.raises(ConfigError, match="one image or more"):
        mean_cosine(np.empty((0, 2)), np.empty((0, 2)))
    with pytest.raises(ConfigError, match="finite"):
        mean_cosine([[np.nan, 1]], [[1, 1]])


def test_copies_of_the_own_caption_do_not_count():
    pictures, own, candidates = unit_vectors(9, 0), unit_vectors(9, 1), unit_vectors(30, 2)
    # A float32 embedding of the same caption in another batch differs in its last bits.
    copies = (own * (1 + 1e-7 * np.random.default_rng(3).normal(size=own.shape))).astype(np.float32)
    expected = caption_ranks(pictures, own, candidates)
    for more in (own, copies, np.concatenate((own, copies, own))):
        # The other eight captions of `own` do count: take each picture alone.
        for i in range(len(pictures)):
            here = np.concatenate((candidates, more[i :: len(own)]))
            assert caption_ranks(pictures[i : i + 1], own[i : i + 1], here) == expected[i]


def test_copies_of_another_caption_count_each():
    picture, own, better = np.eye(3)[:1], np.eye(3)[1:2], np.eye(3)[:1]
    assert caption_ranks(picture, own, np.repeat(better, 4, axis=0)) == 5


def test_a_tie_counts_against_the_own_caption():
    # The picture fits both captions equally well.
    picture, own, other = np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert caption_ranks(picture, own, other) == 2


def test_a_picture_that_fits_nothing_ranks_last():
    assert caption_ranks(np.zeros((1, 8)), unit_vectors(1, 0), unit_vectors(30, 1)) == 31


def test_top_k_agreement_is_a_share():
    ranks = np.array([1, 1, 2, 5, 6])
    assert top_k_agreement(ranks, 1) == 0.4
    assert top_k_agreement(ranks, 5) == 0.8


@pytest.mark.parametrize(
    ("pictures", "own", "candidates"),
    [
        (np.ones((2, 3)), np.ones((1, 3)), np.ones((4, 3))),
        (np.ones((2, 3)), np.ones((2, 3)), np.ones((4, 2))),
        (np.ones(3), np.ones(3), np.ones((4, 3))),
        (np.full((2, 3), np.nan), np.ones((2, 3)), np.ones((4, 3))),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(pictures, own, candidates):
    with pytest.raises(ConfigError):
        caption_ranks(pictures, own, candidates)


@pytest.mark.parametrize(("ranks", "k"), [([], 5), ([1, 2], 0)])
def test_a_share_of_nothing_is_refused(ranks, k):
    with pytest.raises(ConfigError, match="one rank or more and k >= 1"):
        top_k_agreement(ranks, k)

"""Agreement of images with their captions: how well they fit, and how many others fit better.

Reference:
    Radford et al. 2021 (CLIP), arXiv:2103.00020, Section 3.1: ranking captions for an image by
    cosine similarity.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairgen.errors import ConfigError

# Images compared at a time: with 17,600 candidates, two matrices take 36 MB each.
CHUNK = 256
# One caption embedded in two batches differs in its last bits; two captions differ far more.
MIN_COSINE_OF_COPIES = 1 - 1e-9


def caption_ranks(
    picture_embeddings: ArrayLike, own_captions: ArrayLike, candidates: ArrayLike
) -> NDArray[np.int64]:
    """Return the rank of each image's own caption among the candidates and itself, [N].

    The rank is 1 + the number of candidates that fit the image at least as well, by cosine
    similarity in float64: a tie counts against the own caption, so an image that fits
    everything equally well ranks last. Copies of the own caption among the candidates (cosine
    between the captions >= 1 - 1e-9) do not count, so it does not matter whether the candidates
    contain it never, once, or often. Every copy of any other caption counts.

    Args:
        picture_embeddings: Embeddings of the images, [N, D]. Vector lengths never matter here.
        own_captions: Embedding of each image's own caption, [N, D].
        candidates: Embeddings of the captions to compare with, [M, D].

    Raises:
        ConfigError: The shapes do not match or a value is not finite.
    """
    pictures, own, others = (
        np.asarray(each, np.float64) for each in (picture_embeddings, own_captions, candidates)
    )
    _check(pictures, own, others)
    pictures, own, others = (_unit_length(each) for each in (pictures, own, others))
    ranks = np.empty(len(pictures), np.int64)
    for start in range(0, len(pictures), CHUNK):
        here = slice(start, start + CHUNK)
        own_cosine = (pictures[here] * own[here]).sum(axis=1, keepdims=True)
        fits = pictures[here] @ others.T >= own_cosine
        is_copy = own[here] @ others.T >= MIN_COSINE_OF_COPIES
        ranks[here] = 1 + (fits & ~is_copy).sum(axis=1)
    return ranks


def top_k_agreement(ranks: ArrayLike, k: int) -> float:
    """Return the share of images whose own caption is among the `k` best matches.

    Raises:
        ConfigError: There are no ranks, or `k` is below 1.
    """
    found = np.asarray(ranks)
    if found.size == 0 or k < 1:
        raise ConfigError(f"Agreement takes one rank or more and k >= 1, got {found.size} and {k}.")
    return float((found <= k).mean())


def mean_cosine(picture_embeddings: ArrayLike, captions: ArrayLike) -> float:
    """Return the mean of `cosines`.

    Raises:
        ConfigError: The shapes do not match, a value is not finite, or there are no images.
    """
    found = cosines(picture_embeddings, captions)
    if not len(found):
        raise ConfigError("The mean cosine takes one image or more, got none.")
    return float(found.mean())


def cosines(picture_embeddings: ArrayLike, captions: ArrayLike) -> NDArray[np.float64]:
    """Return the cosine similarity of each image to its caption, [N], in [-1, 1].

    Its mean still tells models apart where nearly every image ranks its own caption first.

    Args:
        picture_embeddings: Embeddings of the images, [N, D]. Vector lengths never matter here.
        captions: Embedding of each image's own caption, [N, D].

    Raises:
        ConfigError: The shapes do not match, or a value is not finite.
    """
    pictures, own = (np.asarray(each, np.float64) for each in (picture_embeddings, captions))
    _check(pictures, own, own)
    found: NDArray[np.float64] = (_unit_length(pictures) * _unit_length(own)).sum(axis=1)
    return found


def _check(
    pictures: NDArray[np.float64], own: NDArray[np.float64], others: NDArray[np.float64]
) -> None:
    shapes = [list(each.shape) for each in (pictures, own, others)]
    if (
        any(len(shape) != 2 for shape in shapes)
        or shapes[0] != shapes[1]
        or shapes[1][1] != shapes[2][1]
    ):
        found = ", ".join(map(str, shapes))
        raise ConfigError(
            f"Images and own captions must be [N, D] and candidates [M, D], got {found}."
        )
    if not all(np.isfinite(each).all() for each in (pictures, own, others)):
        raise ConfigError("Embeddings must be finite, got NaN or infinity.")


def _unit_length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale vectors [N, D] to length 1; leave zero vectors unchanged."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)

"""Figures of images relative to the end points of the same pairs, from the judge's features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairgen.errors import ConfigError
from pairgen.evaluation.agreement import caption_ranks, cosines, top_k_agreement
from pairgen.evaluation.diversity import Diversity, diversity
from pairgen.evaluation.frechet import TooFewError, frechet_distance, statistics
from pairgen.evaluation.halves import halves_distance
from pairgen.evaluation.judge import Judge
from pairgen.evaluation.real_pictures import RealPictures
from pairgen.wording import counted

FRECHET_REAL = ("frechet_distance_real",)
FRECHET = ("frechet_distance", "frechet_distance_halves")
AGREEMENT = ("caption_agreement",)
COSINE = ("caption_cosine",)
DIVERSITY = ("diversity_within", "diversity_between")
# Images that the net was not made for are beyond all of them.
OF_CONTENT = (*FRECHET, *FRECHET_REAL, *AGREEMENT, *COSINE, *DIVERSITY)
# Image size of the judge; other images are resized, and measured less faithfully.
NATIVE_PX = 64


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Figures by name, with remarks.

    Attributes:
        values: The figures; None for those that cannot be computed.
        missing: Reasons, by the names of those.
    """

    values: dict[str, float | None]
    missing: dict[str, str]


def frechet_figures(
    features: NDArray[np.float32],
    references: NDArray[np.float32],
    real: RealPictures | None = None,
) -> Figures:
    """Return the Frechet distances to references, if there are enough images.

    Args:
        features: Features of the images, [N, 64].
        references: Features of the references of the same samples, [N, 64].
        real: Statistics of real images; None leaves out the distance to them.
    """
    found = Figures(values={}, missing={})
    _add(found, FRECHET[:1], lambda: [_frechet(features, references)])
    _add(found, FRECHET[1:], lambda: [halves_distance(features, references)])
    if real is not None:
        _add(found, FRECHET_REAL, lambda: [real.distance(features)])
    return found


def judge_figures(
    judge: Judge,
    features: NDArray[np.float32],
    end_points: NDArray[np.float32],
    prompts: Sequence[str],
    guidance_scales: Sequence[float],
    real: RealPictures | None = None,
) -> Figures:
    """Return Frechet distance, caption agreement and diversity, if there are enough images.

    Args:
        judge: The judge that computed the features.
        features: Features of the images, [N, 64].
        end_points: Features of the same pairs' end points, [N, 64].
        prompts: Prompts of the pairs, N.
        guidance_scales: Guidance scales of the pairs, N.
        real: Statistics of real images of such prompts; None leaves out the distance to them.
    """
    found = frechet_figures(features, end_points, real)
    _add(found, AGREEMENT, lambda: [_agreement(judge, features, prompts)])
    _add(found, COSINE, lambda: [float(_cosines(judge, features, prompts).mean())])
    _add(found, DIVERSITY, lambda: _diversity(features, prompts, guidance_scales))
    return found


def caption_scores(
    judge: Judge, features: NDArray[np.float32], prompts: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Return what of `judge_figures` each image has by itself, [N] each; their means are these.

    Args:
        judge: The judge that computed the features.
        features: Features of the images, [N, 64].
        prompts: Prompts of the pairs, N.
    """
    found = {COSINE[0]: _cosines(judge, features, prompts)}
    if len(set(prompts)) > 1:
        found[AGREEMENT[0]] = (_ranks(judge, features, prompts) == 1).astype(np.float64)
    return found


def _add(found: Figures, names: Sequence[str], compute: Callable[[], Sequence[float]]) -> None:
    """Add figures, or the reason why they cannot be computed."""
    try:
        found.values.update(zip(names, compute(), strict=True))
    except ConfigError as error:
        reason = str(error)
        if isinstance(error, TooFewError):
            reason = f"needs at least {error.needed:,} pairs, has {error.count:,}."
        found.values.update(dict.fromkeys(names))
        found.missing.update(dict.fromkeys(names, reason))


def not_meaningful(
    judge: Judge, size_px: tuple[int, int], prompts: Sequence[str]
) -> dict[str, str]:
    """Return the figures that the judge was not made to measure here, and why.

    Args:
        judge: The judge, made for 64 px and its own captions.
        size_px: Height and width of the images.
        prompts: Prompts of the images.
    """
    found: dict[str, str] = {}
    known = judge.knows(prompts)
    if not all(known):
        reason = (
            f"the evaluation net does not know the words of {known.count(False):,} of "
            f"{counted(len(known), 'prompt')}, such as {prompts[known.index(False)]!r}"
        )
        # The content of such images is unknown to it, too.
        found |= dict.fromkeys(OF_CONTENT, reason)
    if size_px != (NATIVE_PX, NATIVE_PX):
        height, width = size_px
        reason = f"the evaluation net was made for 64 x 64 px, these are {width} x {height}"
        found |= {
            name: f"{found[name]}; {reason}" if name in found else reason for name in OF_CONTENT
        }
    return found


def _frechet(features: NDArray[np.float32], end_points: NDArray[np.float32]) -> float:
    a, b = statistics(features), statistics(end_points)
    return frechet_distance(a.mean, a.cov, b.mean, b.cov)


def _agreement(judge: Judge, features: NDArray[np.float32], prompts: Sequence[str]) -> float:
    """Return the share of images that match no other prompt as well as their own."""
    return top_k_agreement(_ranks(judge, features, prompts), 1)


def _ranks(
    judge: Judge, features: NDArray[np.float32], prompts: Sequence[str]
) -> NDArray[np.int64]:
    """Return the rank of each image's own prompt among all, [N].

    Raises:
        ConfigError: All images have one prompt.
    """
    candidates = list(dict.fromkeys(prompts))
    if len(candidates) < 2:
        raise ConfigError(
            f"Caption agreement takes two prompts or more, got {len(candidates)} of "
            f"{counted(len(prompts), 'image')}."
        )
    embedded = judge.embed_captions(candidates)
    places = {prompt: place for place, prompt in enumerate(candidates)}
    own = embedded[[places[prompt] for prompt in prompts]]
    return caption_ranks(judge.embed_features(features), own, embedded)


def _cosines(
    judge: Judge, features: NDArray[np.float32], prompts: Sequence[str]
) -> NDArray[np.float64]:
    """Return the cosine similarity of each image to its prompt, [N]."""
    distinct = list(dict.fromkeys(prompts))
    embedded = dict(zip(distinct, judge.embed_captions(distinct), strict=True))
    return cosines(judge.embed_features(features), [embedded[prompt] for prompt in prompts])


def _diversity(
    features: NDArray[np.float32], prompts: Sequence[str], guidance_scales: Sequence[float]
) -> tuple[float, float]:
    """Return the distances within and between prompts, averaged over the guidance scales.

    They are computed per scale: siblings of one noise at several scales would pass for several
    noises.
    """
    found: list[Diversity] = []
    for scale in sorted(set(guidance_scales)):
        rows = [row for row, each in enumerate(guidance_scales) if each == scale]
        found.append(diversity(features[rows], [prompts[row] for row in rows]))
    return (
        float(np.mean([each.within for each in found])),
        float(np.mean([each.between for each in found])),
    )

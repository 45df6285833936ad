"""Measure a row of a table of models from text: end points, a student, a teacher, all alike."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairgen.evaluation.figures import caption_scores, judge_figures, not_meaningful
from pairgen.evaluation.judge import Judge
from pairgen.evaluation.pair_distance import psnr, relative_rms
from pairgen.evaluation.real_pictures import RealPictures
from pairgen.judging.from_text.held_out import HeldOut
from pairgen.judging.from_text.sampled import Sampled, Sampling, sample_pairs
from pairgen.judging.row import NUM_SHOWN, picture_features
from pairgen.kinds.decode import decode_pictures
from pairgen.teachers.base import Teacher
from pairgen.training.runs.record import evaluations_per_sample

END_POINTS = "end points"
ERROR, PSNR = "latent_relative_rms", "psnr_db"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all rows are measured by.

    Attributes:
        judge: The evaluation net.
        pairs: Pairs to evaluate on.
        end_points: The decoded end points, [N, H, W, 3] uint8.
        reference: Their features, [N, 64].
        real: Real images; None for none.
        seconds_per_decode: Seconds to decode one end point.
    """

    judge: Judge
    pairs: HeldOut
    end_points: np.ndarray
    reference: NDArray[np.float32]
    real: RealPictures | None
    seconds_per_decode: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row's images and what they score.

    Attributes:
        figures: Its figures as in eval.json.
        missing: Figures that cannot be computed, and why.
        scores: Figures of each pair by name, [N] each.
        features: Features of its images, [N, 64].
        pictures: The images, [N, H, W, 3] uint8.
    """

    figures: dict[str, Any]
    missing: Mapping[str, str]
    scores: Mapping[str, NDArray[np.float64]]
    features: NDArray[np.float32]
    pictures: np.ndarray


def make_bench(judge: Judge, teacher: Teacher, pairs: HeldOut, real: RealPictures | None) -> Bench:
    """Decode the end points and compute their features, once for all rows.

    Raises:
        PairgenError: An image is not finite, or does not fit in memory.
    """
    began = time.perf_counter()
    end_points = decode_pictures(teacher, pairs.latents)
    seconds = (time.perf_counter() - began) / len(pairs)
    return Bench(
        judge=judge,
        pairs=pairs,
        end_points=end_points,
        reference=picture_features(judge, end_points),
        real=real,
        seconds_per_decode=seconds,
    )


def measure_end_points(bench: Bench) -> Measured:
    """Measure the end points by themselves: the best that a row can have."""
    pairs = bench.pairs
    facts = {
        "name": END_POINTS,
        "steps": pairs.plan.recipe["steps"],
        "evaluations_per_picture": evaluations_per_sample(pairs.plan),
        # The receipts' seconds come from the machine that made them.
        "seconds_per_picture": None,
    }
    return _measure(bench, facts, pairs.latents, bench.end_points)


def measure_model(
    bench: Bench,
    model: Teacher,
    sampling: Sampling,
    batch_size: int,
    advance: Callable[[int], None],
) -> tuple[Measured, Sampled]:
    """Sample from a model with the noises, prompts and guidance scales of the pairs, and measure.

    Args:
        bench: What all rows are measured by.
        model: The model; a student is one too.
        sampling: How to sample from it.
        batch_size: Batch size of the network.
        advance: Called after every batch with its number of network evaluations.

    Raises:
        PairgenError: A latent or image is not finite, or a batch does not fit in memory.
    """
    made = sample_pairs(model, sampling, bench.pairs, batch_size, advance)
    facts = {
        "name": sampling.name,
        "steps": sampling.steps,
        "evaluations_per_picture": made.evaluations,
        "seconds_per_picture": made.seconds,
    }
    return _measure(bench, facts, made.latents, decode_pictures(model, made.latents)), made


def doubtful_figures(bench: Bench, names: Collection[str]) -> dict[str, str]:
    """Return which of some figures the judge was not made for, and why."""
    found = not_meaningful(
        bench.judge, bench.end_points.shape[1:3], list(dict.fromkeys(bench.pairs.prompts))
    )
    return {name: reason for name, reason in found.items() if name in names}


def shown_places(prompts: Sequence[str]) -> list[int]:
    """Return the first pair of each of the first eight prompts, and other pairs if there are fewer.

    The result is in the order of the pairs.
    """
    first = {prompt: place for place, prompt in reversed(list(enumerate(prompts)))}
    distinct = sorted(first.values())
    others = [place for place in range(len(prompts)) if place not in set(distinct)]
    return sorted([*distinct, *others][:NUM_SHOWN])


def _measure(
    bench: Bench, facts: Mapping[str, Any], latents: np.ndarray, pictures: np.ndarray
) -> Measured:
    pairs = bench.pairs
    features = picture_features(bench.judge, pictures)
    judged = judge_figures(
        bench.judge, features, bench.reference, pairs.prompts, pairs.guidance_scales, bench.real
    )
    scores = {
        ERROR: relative_rms(latents, pairs.latents),
        PSNR: psnr(pictures, bench.end_points),
        **caption_scores(bench.judge, features, pairs.prompts),
    }
    median = float(np.median(scores[PSNR]))
    figures = {
        **facts,
        ERROR: float(np.median(scores[ERROR])),
        # None if most images are equal: JSON has no infinity.
        PSNR: median if np.isfinite(median) else None,
        "equal_pictures": float(np.isinf(scores[PSNR]).mean()),
        **judged.values,
    }
    return Measured(
        figures=figures,
        missing=judged.missing,
        scores=scores,
        features=features,
        pictures=pictures,
    )

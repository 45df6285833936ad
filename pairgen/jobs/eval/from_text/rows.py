"""The rows of an evaluation: end points, student, teacher at several steps, measured alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairgen.evaluation.figures import judge_figures, not_meaningful
from pairgen.evaluation.judge import Judge
from pairgen.evaluation.pair_distance import psnr, relative_rms
from pairgen.evaluation.real_pictures import RealPictures
from pairgen.jobs.eval.from_text.held_out import HeldOut
from pairgen.jobs.eval.from_text.sampled import Sampled, Sampling, sample_pairs
from pairgen.jobs.eval.row import NUM_SHOWN, Row, picture_features
from pairgen.kinds.decode import decode_pictures
from pairgen.teachers.base import Teacher
from pairgen.training.record import evaluations_per_sample

END_POINTS = "end points"


@dataclass(frozen=True)
class Bench:
    """What all rows share.

    Attributes:
        judge: The evaluation net.
        teacher: Teacher of the pairs, which decodes the end points.
        pairs: Pairs to evaluate on.
        batch_size: Batch size of the networks.
        real: Real images; None for none.
    """

    judge: Judge
    teacher: Teacher
    pairs: HeldOut
    batch_size: int
    real: RealPictures | None = None


@dataclass(frozen=True, kw_only=True)
class Rows:
    """All rows.

    Attributes:
        rows: The end points first, then what was sampled.
        sampled: Samples of every row but the first.
        missing: Figures that cannot be computed for any row, and why.
        not_meaningful: Figures that the judge was not made for, and why.
        seconds_per_decode: Seconds to decode one end point.
        shown_prompts: Prompts of the images to show.
    """

    rows: tuple[Row, ...]
    sampled: tuple[Sampled, ...]
    missing: dict[str, str]
    not_meaningful: dict[str, str]
    seconds_per_decode: float
    shown_prompts: tuple[str, ...]


def make_rows(
    bench: Bench, runs: Sequence[tuple[Teacher, Sampling]], reached: Callable[[int], None]
) -> Rows:
    """Sample, decode and measure.

    Args:
        bench: What all rows share.
        runs: Models and how to sample from them.
        reached: Called with the number of network evaluations done.

    Raises:
        PairgenError: A latent or image is not finite, or a batch does not fit in memory.
    """
    pairs = bench.pairs
    places = shown_places(pairs.prompts)
    began = time.perf_counter()
    end_points = decode_pictures(bench.teacher, pairs.latents)
    seconds = (time.perf_counter() - began) / len(pairs)
    reference = picture_features(bench.judge, end_points)
    num_done = 0

    def advance(num: int) -> None:
        nonlocal num_done
        num_done += num
        reached(num_done)

    facts: dict[str, Any] = {
        "name": END_POINTS,
        "steps": pairs.plan.recipe["steps"],
        "evaluations_per_picture": evaluations_per_sample(pairs.plan),
        # The receipts' seconds come from the machine that made them.
        "seconds_per_picture": None,
    }
    missing: dict[str, str] = {}

    def measured(facts: dict[str, Any], latents: np.ndarray, pictures: np.ndarray) -> Row:
        ratios = psnr(pictures, end_points)
        features = picture_features(bench.judge, pictures)
        judged = judge_figures(
            bench.judge, features, reference, pairs.prompts, pairs.guidance_scales, bench.real
        )
        missing.update(judged.missing)
        median = float(np.median(ratios))
        figures = {
            **facts,
            "latent_relative_rms": float(np.median(relative_rms(latents, pairs.latents))),
            # None if most images are equal: JSON has no infinity.
            "psnr_db": median if np.isfinite(median) else None,
            "equal_pictures": float(np.isinf(ratios).mean()),
            **judged.values,
        }
        return Row(figures, pictures[places])

    rows, sampled = [measured(facts, pairs.latents, end_points)], []
    for model, sampling in runs:
        made = sample_pairs(model, sampling, pairs, bench.batch_size, advance)
        facts = {
            "name": sampling.name,
            "steps": sampling.steps,
            "evaluations_per_picture": made.evaluations,
            "seconds_per_picture": made.seconds,
        }
        rows.append(measured(facts, made.latents, decode_pictures(model, made.latents)))
        sampled.append(made)
    return Rows(
        rows=tuple(rows),
        sampled=tuple(sampled),
        missing=missing,
        not_meaningful={
            name: reason
            for name, reason in not_meaningful(
                bench.judge, end_points.shape[1:3], list(dict.fromkeys(pairs.prompts))
            ).items()
            if name not in missing and name in rows[0].figures
        },
        seconds_per_decode=seconds,
        shown_prompts=tuple(pairs.prompts[place] for place in places),
    )


def shown_places(prompts: Sequence[str]) -> list[int]:
    """Return the first pair of each of the first eight prompts, and other pairs if there are fewer.

    The result is in the order of the pairs.
    """
    first = {prompt: place for place, prompt in reversed(list(enumerate(prompts)))}
    distinct = sorted(first.values())
    others = [place for place in range(len(prompts)) if place not in set(distinct)]
    return sorted([*distinct, *others][:NUM_SHOWN])

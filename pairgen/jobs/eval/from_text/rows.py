"""The rows of an evaluation: end points, student, teacher at several steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairgen.jobs.eval.evaluation import Cases
from pairgen.judging.from_text.measured import (
    END_POINTS,
    ERROR,
    Bench,
    Measured,
    doubtful_figures,
    measure_end_points,
    measure_model,
    shown_places,
)
from pairgen.judging.from_text.sampled import Sampled, Sampling
from pairgen.pages.judged import Errors
from pairgen.teachers.base import Teacher

# The worst and the best pairs that are shown, of each.
NUM_CASES = 4


@dataclass(frozen=True)
class Row:
    """One row: its figures as in eval.json, and the images to show, [P, H, W, 3] uint8."""

    figures: dict[str, Any]
    pictures: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Rows:
    """All rows.

    Attributes:
        rows: The end points first, then what was sampled.
        sampled: Samples of every row but the first.
        missing: Figures that cannot be computed for any row, and why.
        not_meaningful: Figures that the judge was not made for, and why.
        shown_places: Places of the pairs to show.
        shown_prompts: Their prompts.
        errors: How far each row is from the end points, pair by pair.
        cases: The student's worst and best pairs, beside the other rows.
    """

    rows: tuple[Row, ...]
    sampled: tuple[Sampled, ...]
    missing: dict[str, str]
    not_meaningful: dict[str, str]
    shown_places: tuple[int, ...]
    shown_prompts: tuple[str, ...]
    errors: Errors
    cases: tuple[Cases, ...]


def make_rows(
    bench: Bench,
    runs: Sequence[tuple[Teacher, Sampling]],
    batch_size: int,
    reached: Callable[[int], None],
) -> Rows:
    """Sample, decode and measure.

    Args:
        bench: What all rows are measured by.
        runs: Models and how to sample from them.
        batch_size: Batch size of the networks.
        reached: Called with the number of network evaluations done.

    Raises:
        PairgenError: A latent or image is not finite, or a batch does not fit in memory.
    """
    places = shown_places(bench.pairs.prompts)
    rows: list[Row] = []
    sampled: list[Sampled] = []
    missing: dict[str, str] = {}
    errors: dict[str, NDArray[np.float64]] = {}
    extremes: dict[str, np.ndarray] = {}
    chosen = np.zeros(0, np.int64)
    num_done = 0

    def advance(num: int) -> None:
        nonlocal num_done
        num_done += num
        reached(num_done)

    def add(found: Measured) -> None:
        missing.update(found.missing)
        # Only the images to show are kept.
        rows.append(Row(found.figures, found.pictures[places]))
        errors[found.figures["name"]] = found.scores[ERROR]

    add(measure_end_points(bench))
    # Of itself there is no error to show.
    errors.clear()
    for model, sampling in runs:
        found, made = measure_model(bench, model, sampling, batch_size, advance)
        add(found)
        sampled.append(made)
        if not extremes:
            # The first is the student, whose extremes all rows show.
            chosen = extreme_places(found.scores[ERROR])
            extremes[END_POINTS] = bench.end_points[chosen]
        extremes[found.figures["name"]] = found.pictures[chosen]
    return Rows(
        rows=tuple(rows),
        sampled=tuple(sampled),
        missing=missing,
        not_meaningful=doubtful_figures(bench, rows[0].figures.keys() - missing),
        shown_places=tuple(places),
        shown_prompts=tuple(bench.pairs.prompts[place] for place in places),
        errors=Errors(name="latent error", keys=bench.pairs.keys, rows=errors),
        cases=_cases(bench, chosen, extremes, errors),
    )


def extreme_places(errors: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places of the worst pairs, then of the best; fewer of few pairs, none twice."""
    ranked = np.argsort(-errors, kind="stable")
    num = min(NUM_CASES, len(ranked) // 2)
    return np.concatenate([ranked[:num], ranked[len(ranked) - num :][::-1]])


def _cases(
    bench: Bench,
    chosen: NDArray[np.int64],
    pictures: Mapping[str, np.ndarray],
    errors: Mapping[str, NDArray[np.float64]],
) -> tuple[Cases, ...]:
    """Return the worst and the best pairs of the first row with errors, the student's."""
    student, num = next(iter(errors)), len(chosen) // 2
    if not num:
        return ()
    captions = [
        f"{bench.pairs.keys[at]}, latent error {errors[student][at]:.3f}: {bench.pairs.prompts[at]}"
        for at in chosen
    ]
    stacked = np.stack(list(pictures.values()), axis=1)
    return tuple(
        Cases(
            title=f"{which} pairs, by the {student}'s latent error",
            names=tuple(pictures),
            captions=tuple(captions[part]),
            pictures=stacked[part],
        )
        for which, part in (("Worst", slice(num)), ("Best", slice(num, None)))
    )

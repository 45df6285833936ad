"""The rows of an evaluation: end points, student, teacher at several steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairgen.judging.from_text.measured import (
    Bench,
    Measured,
    doubtful_figures,
    measure_end_points,
    measure_model,
    shown_places,
)
from pairgen.judging.from_text.sampled import Sampled, Sampling
from pairgen.teachers.base import Teacher


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
        shown_prompts: Prompts of the images to show.
    """

    rows: tuple[Row, ...]
    sampled: tuple[Sampled, ...]
    missing: dict[str, str]
    not_meaningful: dict[str, str]
    shown_prompts: tuple[str, ...]


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
    num_done = 0

    def advance(num: int) -> None:
        nonlocal num_done
        num_done += num
        reached(num_done)

    def add(found: Measured) -> None:
        missing.update(found.missing)
        # Only the images to show are kept.
        rows.append(Row(found.figures, found.pictures[places]))

    add(measure_end_points(bench))
    for model, sampling in runs:
        found, made = measure_model(bench, model, sampling, batch_size, advance)
        add(found)
        sampled.append(made)
    return Rows(
        rows=tuple(rows),
        sampled=tuple(sampled),
        missing=missing,
        not_meaningful=doubtful_figures(bench, rows[0].figures.keys() - missing),
        shown_prompts=tuple(bench.pairs.prompts[place] for place in places),
    )

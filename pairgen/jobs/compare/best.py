"""Which row is the best of a column, where the next best is clearly worse."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairgen.evaluation.figures import FRECHET, FRECHET_REAL
from pairgen.evaluation.frechet import frechet_distance, statistics
from pairgen.evaluation.real_pictures import RealPictures
from pairgen.evaluation.resampling import is_clearly_below
from pairgen.jobs.compare.rows import Row
from pairgen.judging.from_images.agreement import EDGE_F1, PAINTED_ERROR
from pairgen.judging.from_images.measured import DISTANCE, IQA
from pairgen.judging.from_text.measured import ERROR

# The columns in which a lower figure is better, and those in which a higher one is; others have no
# best.
LOWER = (ERROR, DISTANCE, PAINTED_ERROR, FRECHET[0], *FRECHET_REAL)
HIGHER = ("psnr_db", "ssim", EDGE_F1, "caption_agreement", "caption_cosine")


def find_best(
    rows: Mapping[str, Row],
    reference: Row,
    real: RealPictures | None,
    shared: Mapping[str, Any],
    doubtful: Sequence[str],
) -> dict[str, str]:
    """Return the names of the best rows by the names of the figures.

    Args:
        rows: The rows that compete, by their names in the table.
        reference: The row of the end points or targets.
        real: Real images; None for none.
        shared: What is told of all rows.
        doubtful: Figures that are not meaningful.
    """
    found = {}
    for figure, lower in _directions(shared).items():
        if figure in doubtful:
            continue
        compute = {
            name: _figure(row, figure, reference, real, lower)
            for name, row in rows.items()
            if row.facts["figures"].get(figure) is not None or figure in row.scores
        }
        if best := _clearly_first(compute, len(reference.features)):
            found[figure] = best
    return found


# Maps places of pairs to a figure of them, of which less is better.
Compute = Callable[[NDArray[np.int64]], float]


def _directions(shared: Mapping[str, Any]) -> dict[str, bool]:
    """Return whether less is better, by the names of figures."""
    iqa = (shared.get("iqa") or {"better": {}})["better"]
    return {
        **dict.fromkeys(LOWER, True),
        **dict.fromkeys(HIGHER, False),
        **{f"{IQA}{name}": better == "lower" for name, better in iqa.items()},
    }


def _figure(
    row: Row, figure: str, reference: Row, real: RealPictures | None, lower: bool
) -> Compute | None:
    """Return what computes a figure of a row; None if single pairs do not tell it."""
    if figure == FRECHET[0]:
        return lambda places: _frechet(row.features[places], reference.features[places])
    if figure in FRECHET_REAL:
        return (lambda places: real.distance(row.features[places])) if real else None
    if figure not in row.scores:
        return None
    scores = row.scores[figure] if lower else -row.scores[figure]
    # A picture of which nothing was painted has no error.
    summed = np.nanmedian if _is_median(figure, row) else np.nanmean
    return lambda places: float(summed(scores[places]))


def _is_median(figure: str, row: Row) -> bool:
    """Whether a column is a median over the pairs, not a mean."""
    of_text = ERROR in row.scores
    return figure in (ERROR, DISTANCE) or (of_text and figure == "psnr_db")


def _clearly_first(compute: Mapping[str, Compute | None], num: int) -> str:
    """Return the best of some rows; empty if the next best is not clearly worse."""
    every = np.arange(num)
    known = {name: each for name, each in compute.items() if each is not None}
    if len(known) < 2 or len(known) < len(compute):
        return ""
    first, second = sorted(known, key=lambda name: known[name](every))[:2]
    return first if is_clearly_below(known[first], known[second], num) else ""


def _frechet(features: NDArray[np.float32], references: NDArray[np.float32]) -> float:
    a, b = statistics(features), statistics(references)
    return frechet_distance(a.mean, a.cov, b.mean, b.cov)

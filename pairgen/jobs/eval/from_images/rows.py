"""The rows of an evaluation of images from images: target, given image, others, student."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairgen.image_recipe import RESTORATION, ImageRecipe
from pairgen.jobs.eval.evaluation import Band, Cases
from pairgen.jobs.eval.from_images.cases import find_cases
from pairgen.jobs.eval.from_images.chosen import Subset
from pairgen.judging.from_images.made import Made
from pairgen.judging.from_images.measured import (
    DISTANCE,
    TARGET,
    Bench,
    Measured,
    doubtful_figures,
    measure,
    measure_given,
    row_figures,
)
from pairgen.judging.from_images.shown import given_pictures
from pairgen.judging.row import NUM_SHOWN
from pairgen.kinds.image_pairs import ImagePairs
from pairgen.pages.judged import Errors


@dataclass(frozen=True, kw_only=True)
class Rows:
    """All rows.

    Attributes:
        table: `rows` with the figures of each row, `missing` and `not_meaningful` with the figures
            that cannot be computed, or that the judge was not made for, and why; as in eval.json.
        subsets: The same of named parts of the pairs.
        bands: Images to show, in the order of the student's work.
        case_facts: The worst and the best cases, as in eval.json.
        cases: Their images.
        errors: How far each row is from the targets, pair by pair.
        num_shown: Number of pairs whose images are shown, the first ones.
    """

    table: dict[str, Any]
    subsets: list[dict[str, Any]]
    bands: tuple[Band, ...]
    case_facts: dict[str, Any]
    cases: tuple[Cases, ...]
    errors: Errors
    num_shown: int


def make_rows(
    bench: Bench,
    pairs: ImagePairs,
    made: Made,
    name: str,
    recipe: ImageRecipe,
    others: Mapping[str, np.ndarray],
    subsets: Sequence[Subset],
) -> Rows:
    """Measure the images.

    PSNR and SSIM are those of a restoration: the target of a conditional student is one of many
    images that fit its condition. For the same reason, only the image that a restoration is given
    has a row.

    Args:
        bench: What all rows are measured by.
        pairs: The given images and the targets.
        made: What the student made of them.
        name: Name of the student's row.
        recipe: What it does.
        others: Other systems' images by name.
        subsets: Named parts of the pairs.
    """
    restores = recipe.kind == RESTORATION
    rows = [measure(bench, TARGET, pairs.targets)]
    if restores:
        rows.append(measure_given(bench, pairs.given))
    rows += [measure(bench, other, pictures) for other, pictures in others.items()]
    student = measure(bench, name, made.pictures, made)
    rows.append(student)
    # From what is given to the target; the given image itself comes first.
    target, *shown_rows = rows
    if restores and recipe.scale == 1:
        shown_rows.pop(0)

    def shown(places: np.ndarray) -> list[Band]:
        given = given_pictures(pairs.given[places], recipe.scale)
        bands = [Band(row.name, row.pictures[places]) for row in (*shown_rows, target)]
        return [Band("given", given), *bands]

    case_facts, cases = find_cases(student, pairs.keys, shown)
    return Rows(
        table=_table(bench, rows, pairs, None),
        subsets=[
            {
                "name": each.name,
                "where": each.where,
                "num_samples": len(each.places),
                **_table(bench, rows, pairs, each.places),
            }
            for each in subsets
        ],
        bands=tuple(shown(np.arange(len(pairs))[:NUM_SHOWN])),
        case_facts=case_facts,
        cases=cases,
        errors=Errors(
            name="perceptual distance",
            keys=pairs.keys,
            rows={row.name: row.scores[DISTANCE] for row in rows[1:]},
        ),
        num_shown=min(len(pairs), NUM_SHOWN),
    )


def _table(
    bench: Bench, rows: Sequence[Measured], pairs: ImagePairs, places: np.ndarray | None
) -> dict[str, Any]:
    """Return the figures of all rows, of all pairs or of those at `places`."""
    found = [row_figures(bench, row, places) for row in rows]
    missing = {name: reason for each in found for name, reason in each.missing.items()}
    return {
        "rows": [each.values for each in found],
        "missing": missing,
        "not_meaningful": doubtful_figures(bench, pairs, found[0].values.keys() - missing),
    }

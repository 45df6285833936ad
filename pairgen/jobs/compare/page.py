"""The page of a comparison: figures, costs, images of the same pairs side by side."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from pairgen.evaluation.resampling import CONFIDENCE, NUM_RESAMPLES
from pairgen.jobs.compare.cost import LEGEND, cost_table
from pairgen.jobs.compare.planned import GIVEN, PICTURES, TEACHER
from pairgen.jobs.compare.rows import Row
from pairgen.judging.from_images.measured import TARGET
from pairgen.judging.presentation import pair_count
from pairgen.judging.table import MARK, figure_table, legend, presentation_of
from pairgen.report import page
from pairgen.report.table import wrapped


def best_table(found: Mapping[str, Any]) -> str:
    """Format the figures of compare.json, with a mark at the best of a column."""
    marked = {(name, figure) for figure, name in found["best"].items()}
    table = figure_table(found, marked)
    if not marked:
        return table
    # A row above the mark that has a better figure would look like a mistake.
    aside = ", the teacher aside" * any(each["role"] == TEACHER for each in found["models"])
    note = (
        f"{MARK} the best of the models compared{aside}, in {100 * CONFIDENCE:.0f} % of "
        f"{NUM_RESAMPLES} draws of the pairs better than the next best; a column without it has "
        "none."
    )
    return f"{table}\n{wrapped(note)}"


def compare_page(found: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the page.

    Args:
        found: Content of compare.json.
        rows: The rows in its order.
    """
    facts = {"pairs": pair_count(found), "fingerprint": found["data"]["fingerprint"][:16]}
    parts = [
        page.facts_table(facts),
        *map(page.paragraph, found["notes"]),
        page.heading("Figures", presentation_of(found).rows),
        page.preformatted(f"{best_table(found)}\n\n{legend(found)}"),
    ]
    if cost := cost_table(found):
        parts += [page.heading("Cost"), page.preformatted(f"{cost}\n\n{LEGEND}")]
    parts.append(page.heading("Images", "Every line shows the images of one pair."))
    columns = _columns(found, rows)
    for place, (key, caption) in enumerate(zip(found["keys"], found["captions"], strict=True)):
        told = key if caption == key else f"{key}: {caption}"
        pictures = np.stack([pictures[place] for _, pictures in columns])
        parts += [page.paragraph(told), page.picture_grid(pictures, [name for name, _ in columns])]
    url = found["data"]["url"]
    title = f"pairgen compare: {PurePath(url).name or url}"
    return page.make_page(title, presentation_of(found).subtitle, parts)


def _columns(found: Mapping[str, Any], rows: Sequence[Row]) -> list[tuple[str, np.ndarray]]:
    """Return names and images of the columns: what is given first, the target last."""
    names = [each["name"] for each in found["rows"]]
    columns = [(name, row.pictures[PICTURES]) for name, row in zip(names, rows, strict=True)]
    given = [(GIVEN, row.pictures[GIVEN]) for row in rows if GIVEN in row.pictures]
    targets = [column for column in columns if column[0] == TARGET]
    return [*given, *(each for each in columns if each[0] not in (TARGET, GIVEN)), *targets]

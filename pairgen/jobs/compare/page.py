"""The page of a comparison: figures, costs, images of the same pairs side by side."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from pairgen.drawing.table import wrapped
from pairgen.evaluation.resampling import CONFIDENCE, NUM_RESAMPLES
from pairgen.jobs.compare.content import is_own_reference
from pairgen.jobs.compare.cost import cost_section
from pairgen.jobs.compare.planned import GIVEN, PICTURES, TEACHER
from pairgen.jobs.compare.rows import Row
from pairgen.judging.from_images.measured import DISTANCE, TARGET
from pairgen.judging.from_text.measured import ERROR
from pairgen.judging.presentation import pair_count
from pairgen.judging.table import MARK, figure_table, presentation_of
from pairgen.pages.cards import Card
from pairgen.pages.judged import Errors, errors_section, figures_section, side_by_side
from pairgen.pages.sections import Section, sections_page


def best_table(found: Mapping[str, Any]) -> str:
    """Format the figures of compare.json, with a mark at the best of a column."""
    marked = {(name, figure) for figure, name in found["best"].items()}
    table = figure_table(found, marked)
    if not marked:
        return table
    return f"{table}\n{wrapped(f'{MARK} {best_note(found)}')}"


def best_note(found: Mapping[str, Any]) -> str:
    """Return what the mark of a best row means."""
    # A row above the mark that has a better figure would look like a mistake.
    aside = ", the teacher aside" * any(each["role"] == TEACHER for each in found["models"])
    return (
        f"the best of the models compared{aside}, in {100 * CONFIDENCE:.0f} % of "
        f"{NUM_RESAMPLES} draws of the pairs better than the next best; a column without it has "
        "none."
    )


def compare_page(found: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the page.

    Args:
        found: Content of compare.json.
        rows: The rows in its order.
    """
    words, errors = presentation_of(found), _errors(found, rows)
    marked = {(name, figure) for figure, name in found["best"].items()}
    text = f"{words.rows} A star marks {best_note(found)}" if marked else words.rows
    sections = [figures_section("Figures", found, text, marked)]
    sections.append(
        Section(
            title="Images",
            text=["Every line shows the images of one pair; enlarge it to compare two of them."],
            cards=_lines(found, rows, errors),
        )
    )
    if errors.rows:
        sections.append(errors_section(errors))
    if cost := cost_section(found):
        sections.append(cost)
    url = found["data"]["url"]
    facts = [("pairs", pair_count(found)), ("fingerprint", found["data"]["fingerprint"][:16])]
    return sections_page(
        PurePath(url).name or url,
        "comparison",
        words.subtitle,
        sections,
        facts=facts,
        notes=found["notes"],
    )


def _errors(found: Mapping[str, Any], rows: Sequence[Row]) -> Errors:
    """Return the errors of all rows but the reference, which has none."""
    name, figure = ("latent error", ERROR)
    if any(DISTANCE in row.scores for row in rows):
        name, figure = ("perceptual distance", DISTANCE)
    values = {
        each["name"]: row.scores[figure]
        for each, row in zip(found["rows"], rows, strict=True)
        if figure in row.scores and not is_own_reference(row)
    }
    num = len(rows[0].features)
    # The keys of all pairs are not kept with the rows: only those of the pairs that are shown.
    keys = [f"pair {place + 1}" for place in range(num)]
    for place, key in zip(found.get("places", ()), found["keys"], strict=False):
        keys[place] = key
    return Errors(name=name, keys=keys, rows=values)


def _lines(found: Mapping[str, Any], rows: Sequence[Row], errors: Errors) -> list[Card]:
    """Return a line for each pair that is shown."""
    columns, places = _columns(found, rows), found.get("places")
    lines = []
    for line, (key, caption) in enumerate(zip(found["keys"], found["captions"], strict=True)):
        images = [
            (name, pictures[line], errors.note(name, places[line]) if places else "")
            for name, pictures in columns
        ]
        lines.append(side_by_side(key, "" if caption == key else caption, images))
    return lines


def _columns(found: Mapping[str, Any], rows: Sequence[Row]) -> list[tuple[str, np.ndarray]]:
    """Return names and images of the columns: what is given first, the target last."""
    names = [each["name"] for each in found["rows"]]
    columns = [(name, row.pictures[PICTURES]) for name, row in zip(names, rows, strict=True)]
    given = [(GIVEN, row.pictures[GIVEN]) for row in rows if GIVEN in row.pictures]
    targets = [column for column in columns if column[0] == TARGET]
    return [*given, *(each for each in columns if each[0] not in (TARGET, GIVEN)), *targets]

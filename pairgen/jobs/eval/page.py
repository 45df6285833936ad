"""The outputs of `pairgen eval`: a table for the terminal, a grid, a page.

All are made from the data of eval.json, so they always agree.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from pairgen.drawing.grid import draw_grid, lay_out_grid
from pairgen.jobs.eval.cost import ledger_section
from pairgen.jobs.eval.evaluation import Band, Cases, Evaluation
from pairgen.judging.table import figure_table, presentation_of
from pairgen.pages.cards import Card
from pairgen.pages.judged import Errors, errors_section, figures_section, side_by_side
from pairgen.pages.sections import Section, sections_page
from pairgen.wording import counted


def subset_tables(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the titles and tables of the named parts of the pairs."""
    return {title: figure_table(part) for title, part in _subsets(found).items()}


def grid_image(bands: Sequence[Band], captions: Sequence[str]) -> Image.Image:
    """Return a grid: one row per caption, one column per band."""
    pictures = np.concatenate([band.pictures for band in bands])
    num = len(captions)
    below = [
        band.name + (f": {caption}" if number == 0 else "")
        for number, band in enumerate(bands)
        for caption in captions
    ]
    lines = [[num * column + line for column in range(len(bands))] for line in range(num)]
    _, height, width, _ = pictures.shape
    return draw_grid(pictures, lay_out_grid(lines, (width, height), below))


def eval_page(found: Mapping[str, Any], shown: Evaluation) -> str:
    """Return the page: figures, cost, images side by side, the worst and the best, every error."""
    words = presentation_of(found)
    sections = [figures_section("Figures", found, words.rows)]
    for title, part in _subsets(found).items():
        sections.append(figures_section(title, part, ""))
    sections.append(
        Section(
            title="Images",
            text=["Every line shows the images of one pair; enlarge it to compare two of them."],
            cards=_lines(shown),
        )
    )
    # Where all pairs are shown, their worst and best stand there already.
    for cases in () if _shows_all(shown) else shown.cases:
        sections.append(Section(title=cases.title, cards=_case_lines(cases)))
    if shown.errors is not None:
        sections.append(errors_section(shown.errors))
    if found["ledger"]:
        sections.append(ledger_section(found))
    return sections_page(
        found["model"]["name"],
        "evaluation",
        words.subtitle,
        sections,
        facts=list(words.facts(found).items()),
        notes=found["notes"],
    )


def _subsets(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{each['name']}: {counted(each['num_samples'], 'pair')}, {each['where']}": {
            # How far other real images are is known for all pairs only.
            **found,
            **each,
            "real": None,
        }
        for each in found.get("subsets", ())
    }


def _lines(shown: Evaluation) -> list[Card]:
    """Return a line for each pair: the images of all bands."""
    lines = []
    for line, caption in enumerate(shown.captions):
        place = shown.places[line] if shown.places else -1
        images = [
            (band.name, band.pictures[line], _note(shown.errors, band.name, place))
            for band in shown.bands
        ]
        key = shown.errors.keys[place] if shown.errors and place >= 0 else f"pair {line + 1}"
        lines.append(side_by_side(key, caption, images))
    return lines


def _case_lines(cases: Cases) -> list[Card]:
    lines = []
    for caption, pictures in zip(cases.captions, cases.pictures, strict=True):
        key, _, told = caption.partition(", ")
        named = zip(cases.names, pictures, strict=True)
        lines.append(side_by_side(key, told, [(*pair, "") for pair in named]))
    return lines


def _shows_all(shown: Evaluation) -> bool:
    """Whether every pair of an evaluation is among the images."""
    return shown.errors is not None and len(set(shown.places)) == len(shown.errors.keys)


def _note(errors: Errors | None, row: str, place: int) -> str:
    return errors.note(row, place) if errors is not None and place >= 0 else ""

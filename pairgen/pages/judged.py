"""What the pages of an evaluation and of a comparison share: figures, errors, images."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairgen.judging.table import figure_cells, figure_notes
from pairgen.pages.cards import Card
from pairgen.pages.cells import cell
from pairgen.pages.charts import spread_chart
from pairgen.pages.pictures import picture_data
from pairgen.pages.sections import Section, Table
from pairgen.wording import counted

# Pairs whose errors stand in a table: the first, and all in the chart.
MAX_ERRORS = 500


@dataclass(frozen=True, kw_only=True)
class Errors:
    """How far every row is from its reference, pair by pair.

    Attributes:
        name: Title of the figure, of which less is better.
        keys: Names of the pairs, N.
        rows: The figure of each pair by the name of the row, [N] each.
    """

    name: str
    keys: Sequence[str]
    rows: Mapping[str, NDArray[np.float64]]

    def ranked(self, row: str) -> NDArray[np.int64]:
        """Return the places of the pairs, the worst of a row first; of equal ones the first."""
        return np.argsort(-self.rows[row], kind="stable")

    def note(self, row: str, place: int) -> str:
        """Return the named figure of a row's pair, as it stands below its image; empty for none."""
        return f"{self.name} {self.rows[row][place]:.3f}" if row in self.rows else ""


def figures_section(
    title: str, found: Mapping[str, Any], text: str, marked: Collection[tuple[str, str]] = ()
) -> Section:
    """Return the table of figures, with what its columns mean.

    Args:
        title: Title of the section.
        found: Content of eval.json or compare.json.
        text: What the rows have in common.
        marked: Names of rows and figures that are the best.
    """
    heads, rows = figure_cells(found)
    names = [row["name"] for row in found["rows"]]
    table = Table(
        caption=f"{title}: a row for each model or reference",
        head=[("", ""), *((head, meaning) for head, _, meaning in heads)],
        rows=[
            [
                cell(name),
                *(
                    cell(value, text, (name, figure) in marked)
                    for (value, text), (_, figure, _) in zip(cells, heads, strict=True)
                ),
            ]
            for name, cells in zip(names, rows, strict=True)
        ],
    )
    legend = [(head, meaning) for head, _, meaning in heads if meaning]
    return Section(title=title, text=[text, *figure_notes(found)], table=table, legend=legend)


def errors_section(errors: Errors) -> Section:
    """Return the errors pair by pair: how they spread, and a table that sorts."""
    num = len(errors.keys)
    of = f"the first {MAX_ERRORS:,} of {num:,}" if num > MAX_ERRORS else f"all {num:,}"
    table = Table(
        caption=f"{errors.name}, pair by pair: {of} pairs",
        head=[("pair", ""), *((row, f"{errors.name} of {row}") for row in errors.rows)],
        rows=[
            [
                cell(errors.keys[place]),
                *(
                    cell(float(values[place]), f"{values[place]:.4f}")
                    for values in errors.rows.values()
                ),
            ]
            for place in range(min(num, MAX_ERRORS))
        ],
    )
    title = f"{errors.name[:1].upper()}{errors.name[1:]} over {counted(num, 'pair')}"
    chart = spread_chart(title, errors.rows, errors.name, "pairs")
    text = ["How far each row is from its reference, pair by pair: less is better."]
    return Section(title="Errors of single pairs", text=text, charts=[chart], table=table)


def side_by_side(
    key: str, text: str, images: Sequence[tuple[str, np.ndarray, str]], chips: Sequence[str] = ()
) -> Card:
    """Return the images of one pair in a line.

    Args:
        key: The pair.
        text: Its prompt or caption.
        images: Name of each row, its image [H, W, 3] uint8, and its error as text.
        chips: What else is known of the pair.
    """
    pictures = tuple(picture_data(pixels, name, note) for name, pixels, note in images)
    return Card(key=key, text=text, chips=tuple(chips), pictures=pictures, strip=True)

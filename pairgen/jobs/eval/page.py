"""The outputs of `pairgen eval`: a table for the terminal, a grid, a page.

All are made from the data of eval.json, so they always agree.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from pairgen.jobs.eval.evaluation import Band, Evaluation
from pairgen.judging.table import figure_table, legend, presentation_of
from pairgen.report import page
from pairgen.report.grid import draw_grid, lay_out_grid
from pairgen.report.table import aligned, wrapped


def subset_tables(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the titles and tables of the named parts of the pairs."""
    return {
        f"{each['name']}: {each['num_samples']:,} pairs, {each['where']}": figure_table(
            # How far other real images are is known for all pairs only.
            {**found, **each, "real": None}
        )
        for each in found.get("subsets", ())
    }


def ledger_table(found: Mapping[str, Any]) -> str:
    """Format the cost of data and training, and the break-even point of the student."""
    ledger = found["ledger"]
    runs = ledger["before"]["runs"]
    lines = [["", "evaluations", "seconds"]]
    for name in ("data", *(["before"] if runs else []), "training", "together"):
        cost = ledger[name]
        title = "runs before it" if name == "before" else name
        lines.append([title, f"{cost['evaluations']:,}", f"{cost['seconds']:,.0f}"])
    told = [f"Runs before it made its teacher or its start: {', '.join(runs)}."] if runs else []
    return "\n".join([*aligned(lines), *told, *_break_even(ledger)])


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
    """Return the page: figures, cost, images band by band, and cases line by line."""
    words = presentation_of(found)
    parts = [
        page.facts_table(words.facts(found)),
        *map(page.paragraph, found["notes"]),
        page.heading("Figures", words.rows),
        page.preformatted(f"{figure_table(found)}\n\n{legend(found)}"),
    ]
    for title, table in subset_tables(found).items():
        parts += [page.heading(title), page.preformatted(table)]
    if found["ledger"]:
        parts += [page.heading("Cost"), page.preformatted(ledger_table(found))]
    for band in shown.bands:
        parts += [page.heading(band.name), page.picture_grid(band.pictures, shown.captions)]
    for cases in shown.cases:
        parts.append(page.heading(cases.title))
        for caption, pictures in zip(cases.captions, cases.pictures, strict=True):
            parts += [page.paragraph(caption), page.picture_grid(pictures, cases.names)]
    return page.make_page(f"pairgen eval: {found['model']['name']}", words.subtitle, parts)


def _break_even(ledger: Mapping[str, Any]) -> list[str]:
    if ledger["break_even"] is None:
        return [f"No break-even: {ledger['reason']}.", wrapped(ledger["convention"])]
    lines = []
    for unit in ("evaluations", "seconds"):
        found = ledger["break_even"][unit]
        steps = ledger["teacher_steps"]
        if found["pictures"] is None:
            lines.append(f"No break-even in {unit}: {found['reason']}.")
        else:
            lines.append(
                f"Paid for after {found['pictures']:,} images in {unit}, against the teacher's "
                f"{steps} steps."
            )
    lines.append(wrapped(ledger["convention"]))
    return lines

"""The outputs of `pairgen eval`: a table for the terminal, a grid, a page.

All are made from the data of eval.json, so they always agree.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from pairgen.jobs.eval.evaluation import Band
from pairgen.jobs.eval.from_images.presentation import FROM_IMAGES
from pairgen.jobs.eval.from_text.presentation import FROM_TEXT
from pairgen.jobs.eval.presentation import Presentation
from pairgen.report import page
from pairgen.report.grid import draw_grid, lay_out_grid
from pairgen.report.table import aligned

NO_FIGURE = "-"
# Figures that are infinite for equal images, which JSON cannot hold.
RATIOS = ("psnr_db", "psnr_rgb_db")


def presentation_of(found: Mapping[str, Any]) -> Presentation:
    """Return the words for an eval.json, by what the model makes images from."""
    return FROM_IMAGES if "recipe" in found else FROM_TEXT


def legend(found: Mapping[str, Any]) -> str:
    """Return what the columns of the table mean."""
    return presentation_of(found).legend


def figure_table(found: Mapping[str, Any]) -> str:
    """Format the rows of `eval.json` as a table, with notes on the figures."""
    words = presentation_of(found)
    columns = [column for column in words.columns if column[1] in found["rows"][0]]
    head = ["", *(title for title, _, _ in columns)]
    doubtful = found["not_meaningful"]
    lines = [head]
    for row in found["rows"]:
        cells = [_cell(row, name, shown, name in doubtful) for _, name, shown in columns]
        lines.append([row["name"], *cells])
    notes = [f"( ) not meaningful: {reason}." for reason in dict.fromkeys(doubtful.values())]
    if found["real"] and found["real"]["floor"] is not None:
        notes.append(
            f"To real: {found['data']['num_samples']:,} other real images have "
            f"{found['real']['floor']:.3f}."
        )
    reasons = dict.fromkeys(found["missing"].values())
    for reason in reasons:
        names = [name for name, each in found["missing"].items() if each == reason]
        notes.append(f"No {', '.join(names)}: {reason}")
    return "\n".join([*aligned(lines), *notes])


def ledger_table(found: Mapping[str, Any]) -> str:
    """Format the cost of data and training, and the break-even point of the student."""
    ledger = found["ledger"]
    lines = [["", "evaluations", "seconds"]]
    for name in ("data", "training", "together"):
        cost = ledger[name]
        lines.append([name, f"{cost['evaluations']:,}", f"{cost['seconds']:,.0f}"])
    return "\n".join([*aligned(lines), *_break_even(ledger)])


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


def eval_page(found: Mapping[str, Any], bands: Sequence[Band], captions: Sequence[str]) -> str:
    """Return the page: figures, cost, and images, band by band."""
    words = presentation_of(found)
    parts = [
        page.facts_table(words.facts(found)),
        *map(page.paragraph, found["notes"]),
        page.heading("Figures", words.rows),
        page.preformatted(f"{figure_table(found)}\n\n{words.legend}"),
    ]
    if found["ledger"]:
        parts += [page.heading("Cost"), page.preformatted(ledger_table(found))]
    for band in bands:
        parts += [page.heading(band.name), page.picture_grid(band.pictures, captions)]
    return page.make_page(f"pairgen eval: {found['model']['name']}", words.subtitle, parts)


def _cell(row: Mapping[str, Any], name: str, shown: str, doubtful: bool) -> str:
    value = row[name]
    if name in RATIOS and value is None:
        return "equal"
    if value is None:
        return NO_FIGURE
    text = shown.format(value)
    return f"({text})" if doubtful else text


def _break_even(ledger: Mapping[str, Any]) -> list[str]:
    if ledger["break_even"] is None:
        return [f"No break-even: {ledger['reason']}.", ledger["convention"]]
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
    lines.append(ledger["convention"])
    return lines

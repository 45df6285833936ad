"""The outputs of `pairgen eval`: a table for the terminal, a grid, a page.

All are made from the data of eval.json, so they always agree.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from pairgen.errors import ConfigError
from pairgen.evaluation.protocols import label
from pairgen.jobs.eval.evaluation import Band, Evaluation
from pairgen.jobs.eval.from_images.presentation import image_words
from pairgen.jobs.eval.from_text.presentation import FROM_TEXT
from pairgen.jobs.eval.presentation import Presentation
from pairgen.report import page
from pairgen.report.grid import draw_grid, lay_out_grid
from pairgen.report.table import aligned

NO_FIGURE = "-"
# Figures that are infinite for equal images, which JSON cannot hold.
RATIOS = ("psnr_db",)


def presentation_of(found: Mapping[str, Any]) -> Presentation:
    """Return the words for an eval.json, by what the model makes images from."""
    return image_words(found) if "recipe" in found else FROM_TEXT


def legend(found: Mapping[str, Any]) -> str:
    """Return what the columns of the table mean."""
    return presentation_of(found).legend


def figure_table(found: Mapping[str, Any]) -> str:
    """Format the rows of `eval.json` as a table, with notes on the figures.

    Raises:
        ConfigError: Some of its figures are of another protocol.
    """
    _check_one_protocol(found)
    words = presentation_of(found)
    columns = [column for column in words.columns if column[1] in found["rows"][0]]
    head = ["", *(title for title, _, _ in columns)]
    doubtful = found["not_meaningful"]
    lines = [head]
    for row in found["rows"]:
        cells = [
            NO_FIGURE
            if row[name] is None and name in found["missing"]
            else _cell(row, name, shown, name in doubtful)
            for _, name, shown in columns
        ]
        lines.append([row["name"], *cells])
    notes = [words.note] if words.note else []
    notes += [f"( ) not meaningful: {reason}." for reason in dict.fromkeys(doubtful.values())]
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
        page.preformatted(f"{figure_table(found)}\n\n{words.legend}"),
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


def _check_one_protocol(found: Mapping[str, Any]) -> None:
    """Refuse figures of different protocols in one table."""
    labels = {row["protocol"] for row in found["rows"] if "protocol" in row}
    if found.get("protocol"):
        labels.add(label(found["protocol"]))
    if len(labels) > 1:
        raise ConfigError(
            f"Figures of different protocols are not comparable: {', '.join(sorted(labels))}."
        )


def _cell(row: Mapping[str, Any], name: str, shown: str, doubtful: bool) -> str:
    value = row[name]
    if name in RATIOS and row["equal_pictures"] == 1:
        return "equal"
    if name in RATIOS and value is None:
        # A median is infinite where half the images are equal, a mean where one is.
        return "equal" if row["equal_pictures"] >= 0.5 else "infinite"
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

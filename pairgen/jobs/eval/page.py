"""The outputs of `pairgen eval`: a table for the terminal, a grid, a page.

All are made from the data of eval.json, so they always agree.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from pairgen.report import page
from pairgen.report.grid import draw_grid, lay_out_grid
from pairgen.report.table import aligned

NO_FIGURE = "-"
# Title of the column, figure of a row, and its format.
COLUMNS = (
    ("evaluations", "evaluations_per_picture", "{:,.0f}"),
    ("s/image", "seconds_per_picture", "{:.4f}"),
    ("latent error", "latent_relative_rms", "{:.4f}"),
    ("PSNR dB", "psnr_db", "{:.2f}"),
    ("Frechet", "frechet_distance", "{:.3f}"),
    ("halves", "frechet_distance_halves", "{:.3f}"),
    ("to real", "frechet_distance_real", "{:.3f}"),
    ("agreement", "caption_agreement", "{:.3f}"),
    ("within", "diversity_within", "{:.3f}"),
    ("between", "diversity_between", "{:.3f}"),
)
LEGEND = """\
evaluations  network evaluations per image; guidance counts double
s/image      seconds per image for network and solver on this machine, without prompts and decoding
latent error |x - end point| / |end point|, median over the pairs
PSNR dB      of decoded images against the decoded end points, median
Frechet      distance to the decoded end points in the evaluation net's features
halves       the same, between one half's images and the other half's end points: the end points'
             own value is the floor
to real      Frechet distance to real images (--real-statistics)
agreement    share of images that match no other prompt as well as their own
within       mean feature distance between noises of one prompt; between: of different prompts"""


def figure_table(found: Mapping[str, Any]) -> str:
    """Format the rows of `eval.json` as a table, with notes on the figures."""
    columns = [column for column in COLUMNS if column[1] in found["rows"][0]]
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


def grid_image(rows: Sequence[Mapping[str, Any]], prompts: Sequence[str]) -> Image.Image:
    """Return a grid: one row per prompt, one column per row of the table.

    Args:
        rows: `name` and `pictures` [P, H, W, 3] uint8 of each row.
        prompts: Prompts, P.
    """
    pictures = np.concatenate([row["pictures"] for row in rows])
    num = len(prompts)
    captions = [
        row["name"] + (f": {prompt}" if number == 0 else "")
        for number, row in enumerate(rows)
        for prompt in prompts
    ]
    lines = [[num * column + line for column in range(len(rows))] for line in range(num)]
    _, height, width, _ = pictures.shape
    return draw_grid(pictures, lay_out_grid(lines, (width, height), captions))


def eval_page(
    found: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], prompts: Sequence[str]
) -> str:
    """Return the page: figures, cost, and images, one band per row of the table."""
    data, model = found["data"], found["model"]
    facts = {
        "judged": f"{model['path']} ({model['kind']})",
        "pairs": f"{data['num_samples']:,} of {data['num_available']:,} of {data['url']}",
        "made by": f"{data['solver']}, {data['steps']} steps, {data['spacing']}, end {data['end']}",
        "fingerprint": data["fingerprint"][:16],
        "device": found["device"],
    }
    parts = [
        page.facts_table(facts),
        *map(page.paragraph, found["notes"]),
        page.heading("Figures", "All rows use the same noises, prompts and guidance scales."),
        page.preformatted(f"{figure_table(found)}\n\n{LEGEND}"),
    ]
    if found["ledger"]:
        parts += [page.heading("Cost"), page.preformatted(ledger_table(found))]
    for row in rows:
        parts += [page.heading(row["name"]), page.picture_grid(row["pictures"], prompts)]
    return page.make_page(f"pairgen eval: {model['name']}", "evaluated on held-out pairs", parts)


def _cell(row: Mapping[str, Any], name: str, shown: str, doubtful: bool) -> str:
    value = row[name]
    if name == "psnr_db" and value is None:
        return "equal"
    if value is None:
        return NO_FIGURE
    text = shown.format(value)
    return f"({text})" if doubtful else text


def _break_even(ledger: Mapping[str, Any]) -> list[str]:
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

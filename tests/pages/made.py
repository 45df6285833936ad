"""Small pages for tests: all that a page can hold, and texts of others in every place."""

import numpy as np
import pyarrow as pa

from pairgen.pages.cards import Card
from pairgen.pages.cells import cell
from pairgen.pages.charts import column_chart, line_chart, rate_chart, spread_chart
from pairgen.pages.columns import column_data
from pairgen.pages.document import render
from pairgen.pages.judged import Errors, errors_section, side_by_side
from pairgen.pages.pictures import picture_data
from pairgen.pages.sections import Section, Table, sections_page

# Ends scripts, attributes and comments, turns the direction of a line, and is no UTF-8 text.
HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> \" ' --> {{ 7*7 }} \u202e\x1b"
)
SHOWN = "\\u202e\\u001b"


def pixels(number: int, size: int = 16) -> np.ndarray:
    """Return an image [size, size, 3] uint8 that tells its number by its color."""
    found = np.full((size, size, 3), (20 * number % 256, 200, 90), np.uint8)
    found[: size // 2] = (number * 37 % 256, 40, 40)
    return found


def set_page(num: int = 8) -> str:
    """Return the page of a made-up set of `num` samples, each with an HR image and two levels."""
    table = pa.table(
        {
            "key": [f"{i:09}" for i in range(num)],
            "prompt": [HOSTILE, *(f"a fox, number {i}" for i in range(1, num))],
            "guidance_scale": [4.0 if i % 2 else 8.0 for i in range(num)],
            "score": [None if i == 2 else float(num - i) for i in range(num)],
        }
    )
    columns = [column_data(name, table.column(name)) for name in table.column_names]
    cards = [
        Card(
            key=row["key"],
            text=row["prompt"],
            chips=(f"guidance {row['guidance_scale']:g}", HOSTILE),
            facts={"score": str(row["score"]), HOSTILE: HOSTILE},
            pictures=(
                picture_data(pixels(i, 32), "png"),
                picture_data(pixels(i, 16), "lr2.png"),
                picture_data(pixels(i, 8), HOSTILE),
            ),
        )
        for i, row in enumerate(table.to_pylist())
    ]
    charts = [column_chart(name, table.column(name), "A") for name in ("guidance_scale", "score")]
    charts += [column_chart(HOSTILE, pa.chunked_array([[HOSTILE, "b"] * (num // 2)]))]
    spans = [{"start": 10.0 * i, "stop": 10.0 * i + 10, "rate": i / 3} for i in range(12)]
    names = table.column_names
    return render(
        "set.html.j2",
        HOSTILE,
        {
            "charts": [*charts, rate_chart(spans)],
            "columns": columns,
            "cards": [each.data() for each in cards],
        },
        kind="ode set",
        subtitle=HOSTILE,
        numbers=[("of 100 samples", f"{num}"), (HOSTILE, HOSTILE)],
        problem=HOSTILE,
        left_out=[(HOSTILE, f"pairgen annotate '{HOSTILE}'"), (HOSTILE, "")],
        shown=f"{num} of 100 samples are shown.",
        cards=cards,
        sorts=names,
        filters=names,
        example="guidance_scale == 8",
        num_charts=len(charts),
        groups=[("", 0, 2), (f"{HOSTILE} (1 chart)", 2, 1)],
        charted="Every column.",
        has_rate=True,
        progress=[("took", "9 s")],
        failures=[[cell(HOSTILE), cell(3)], [cell("too small"), cell(12)]],
        workers=[],
        made=[("solver", "ddim"), (HOSTILE, HOSTILE * 10)],
        command=f"pairgen ode --out '{HOSTILE}'",
        about_command="Rebuilt.",
        members=[[cell("txt"), cell("utf-8"), cell(""), cell("the prompt")]],
        annotations=[("scores", HOSTILE)],
    )


def judged_page() -> str:
    """Return a page with a table of figures, lines of images, and errors."""
    values = {"student": [0.5, 0.1, 0.9], HOSTILE: [0.2, 0.3, 0.1]}
    errors = Errors(
        name="latent error",
        keys=("000000000", "000000001", HOSTILE),
        rows={name: np.array(each) for name, each in values.items()},
    )
    rows = [
        [cell("student"), cell(0.5, "0.5000", mark=True)],
        [cell(HOSTILE), cell(None, "-")],
        [cell("teacher, 1 step"), cell(0.3, "0.3000")],
    ]
    table = Table(caption="Figures", head=[("", ""), ("latent error", HOSTILE)], rows=rows)
    lines = [
        side_by_side(
            f"pair {i}",
            f"a fox {HOSTILE}",
            [(name, pixels(5 * i + j, 16), "0.123") for j, name in enumerate(values)],
        )
        for i in range(3)
    ]
    sections = [
        Section(title="Figures", text=[HOSTILE], table=table, legend=[("latent error", HOSTILE)]),
        Section(title="Images", cards=lines),
        errors_section(errors),
        Section(
            title="Metrics",
            charts=[
                line_chart("loss", [(float(i), 1 / (i + 1)) for i in range(50)], "step"),
                spread_chart(HOSTILE, values, HOSTILE, "pairs"),
            ],
            plain=HOSTILE,
            command="pairgen eval student",
            facts=[("pairs", "3")],
        ),
    ]
    return sections_page(
        "eval", "evaluation", HOSTILE, sections, facts=[("judged", HOSTILE)], notes=[HOSTILE]
    )

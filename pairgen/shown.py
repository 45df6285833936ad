"""How results show themselves: a few lines of text, and a table with pictures in a notebook."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path

import numpy as np

from pairgen.redaction import without_secrets
from pairgen.visible import one_line

MAX_LINES = 12
MAX_CHARACTERS = 100
# Of a column that others follow.
MAX_COLUMN_CHARACTERS = 40
# Of one cell in a notebook, which wraps lines.
MAX_CELL_CHARACTERS = 300
MAX_PICTURES = 12
MAX_SIDE_PX = 256
# Of a picture that stands alone, such as a grid.
MAX_ALONE_PX = 768
# A caption, and a function that returns the picture: [H, W, C] uint8 or uint16, with C = 1 for gray
# and 3 for RGB. Only those that are shown are made.
Picture = tuple[str, Callable[[], np.ndarray]]
CELL = ' style="text-align:left;vertical-align:top"'


@dataclass(frozen=True)
class ShownTable:
    """What is shown of a result, as a table.

    Attributes:
        title: What it is, and the most important number.
        rows: Rows of a table, all with as many cells.
        head: Titles of the columns; empty for rows of a name and its value.
    """

    title: str
    rows: Sequence[Sequence[str]] = ()
    head: Sequence[str] = ()


class Shown:
    """A result that prints as at most `MAX_LINES` lines, and shows as a table in a notebook."""

    def shown(self) -> ShownTable:
        """Return what is shown."""
        raise NotImplementedError

    def shown_pictures(self) -> Sequence[Picture]:
        """Return pictures for a notebook; at most `MAX_PICTURES` are shown."""
        return ()

    def __repr__(self) -> str:
        return as_text(self.shown())

    def _repr_html_(self) -> str:
        """Return the result as HTML, as IPython asks for it."""
        return as_html(self.shown(), self.shown_pictures())


def as_text(table: ShownTable) -> str:
    """Return a table as at most `MAX_LINES` lines of `MAX_CHARACTERS` characters.

    Columns with a title that do not fit are left out whole, and named in the last line.
    """
    rows = _first_rows(table, MAX_LINES - 1)
    num = _num_fitting(rows) if table.head else None
    lines = _aligned([row[:num] for row in rows])
    if num is not None and num < len(table.head):
        left_out = ", ".join(map(_clean, table.head[num:]))
        lines = _aligned([row[:num] for row in _first_rows(table, MAX_LINES - 2)])
        lines.append(f"  columns left out here: {left_out}")
    return "\n".join(_cut(line, MAX_CHARACTERS) for line in (_clean(table.title), *lines))


def as_html(table: ShownTable, pictures: Sequence[Picture] = ()) -> str:
    """Return a table as an escaped table, with pictures inside the page."""
    rows = _first_rows(table, MAX_LINES - 1)
    tags = ["th" if table.head and number == 0 else "td" for number in range(len(rows))]
    body = "".join(
        f"<tr>{''.join(_cell(tag, each) for each in row)}</tr>"
        for tag, row in zip(tags, rows, strict=True)
    )
    side = MAX_ALONE_PX if len(pictures) == 1 else MAX_SIDE_PX
    figures = "".join(_figure(caption, make(), side) for caption, make in pictures[:MAX_PICTURES])
    if len(pictures) > MAX_PICTURES:
        figures += f"<p>The first {MAX_PICTURES} of {len(pictures):,} pictures.</p>"
    return f"<div><p><b>{escape(_clean(table.title))}</b></p><table>{body}</table>{figures}</div>"


def picture_in(path: Path) -> list[Picture]:
    """Return the picture of a PNG file; none if there is no such file."""
    return [(path.name, partial(_read, path))] if path.is_file() else []


def _read(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path, formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def _first_rows(table: ShownTable, limit: int) -> list[tuple[str, ...]]:
    """Return the head and the first rows; the last one tells how many more there are."""
    head = [table.head] if table.head else []
    rows = [tuple(map(_clean, row)) for row in (*head, *table.rows)]
    if len(rows) <= limit:
        return rows
    more = (f"and {len(rows) - limit + 1:,} more", *[""] * (len(rows[0]) - 1))
    return [*rows[: limit - 1], more]


def _num_fitting(rows: Sequence[Sequence[str]]) -> int:
    """Return how many columns fit into a line; one of long texts is cut instead of left out."""
    end = 0
    for number, column in enumerate(zip(*rows, strict=True)):
        width = max(map(len, column))
        end += 2 + min(width, MAX_COLUMN_CHARACTERS)
        if end > MAX_CHARACTERS and width <= MAX_COLUMN_CHARACTERS:
            return max(1, number)
    return len(rows[0])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    # A long text must not push the other columns out of sight.
    rows = [(*(_cut(cell, MAX_COLUMN_CHARACTERS) for cell in row[:-1]), row[-1]) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _clean(text: str) -> str:
    return one_line(without_secrets(text))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _cell(tag: str, text: str) -> str:
    return f"<{tag}{CELL}>{escape(_cut(text, MAX_CELL_CHARACTERS))}</{tag}>"


def _figure(caption: str, picture: np.ndarray, side_px: int) -> str:
    """Return a picture, reduced to `side_px`, and its caption."""
    from PIL import Image

    levels = (picture >> 8).astype(np.uint8) if picture.dtype == np.uint16 else picture
    image = Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)
    image.thumbnail((side_px, side_px))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    text = escape(_cut(_clean(caption), MAX_CHARACTERS), quote=True)
    return (
        f'<figure style="display:inline-block;margin:4px;max-width:{side_px}px">'
        f'<img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption>'
        "</figure>"
    )

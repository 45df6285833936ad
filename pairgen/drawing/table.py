"""Text tables: for a terminal, and as Markdown."""

import textwrap
from collections.abc import Iterable, Sequence

from pairgen.visible import one_line

# What a terminal and a page of preformatted text show without scrolling.
WIDTH = 100


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the first column left-aligned, the others right-aligned."""
    first, *others = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join([line[0].ljust(first), *map(str.rjust, line[1:], others)]).rstrip()
        for line in lines
    ]


def wrapped(sentence: str) -> str:
    """Return a note below a table, in lines of at most 100 characters."""
    return textwrap.fill(sentence, WIDTH)


def markdown(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table with this alignment; the first line is the header.

    The cells must not contain `|`.
    """
    rule = ["---", *["---:"] * (len(lines[0]) - 1)]
    return [f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:])]


def left_aligned(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of equal length as left-aligned columns of plain text."""
    lines = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join(padded)

"""Tables of text: as a terminal shows them, and as Markdown."""

from collections.abc import Iterable, Sequence


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the first column to the left, figures to the right."""
    first, *others = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join([line[0].ljust(first), *map(str.rjust, line[1:], others)]).rstrip()
        for line in lines
    ]


def markdown(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, likewise; the first line is its head.

    The cells must not hold a `|`.
    """
    rule = ["---", *["---:"] * (len(lines[0]) - 1)]
    return [f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:])]


def left_aligned(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of equal length as columns of plain text, all to the left."""
    lines = [[_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join(padded)


def _one_line(text: str) -> str:
    """Return a text that cannot break out of its line, nor paint the terminal."""
    return "".join(each if each.isprintable() else " " for each in text)

"""The table of figures, for a terminal and a page."""

from collections.abc import Collection, Mapping
from typing import Any

from pairgen.drawing.table import aligned
from pairgen.errors import ConfigError
from pairgen.evaluation.protocols import label
from pairgen.judging.from_images.presentation import image_words
from pairgen.judging.from_text.presentation import FROM_TEXT
from pairgen.judging.presentation import Presentation

NO_FIGURE = "-"
MARK = "*"
LEGEND_WIDTH = 12
# Figures that are infinite for equal images, which JSON cannot hold.
RATIOS = ("psnr_db",)


def presentation_of(found: Mapping[str, Any]) -> Presentation:
    """Return the words for figures, by what the model makes images from."""
    return image_words(found) if "recipe" in found else FROM_TEXT


def legend(found: Mapping[str, Any]) -> str:
    """Return what the columns of the table mean."""
    figures = found["rows"][0]
    return "\n".join(
        f"{title:<{LEGEND_WIDTH}} " + meaning.replace("\n", "\n" + " " * (LEGEND_WIDTH + 1))
        for title, figure, meaning in presentation_of(found).legend
        if figure in figures
    )


def figure_table(found: Mapping[str, Any], marked: Collection[tuple[str, str]] = ()) -> str:
    """Format the rows of figures as a table, with notes on the figures.

    Args:
        found: Content of eval.json or compare.json.
        marked: Names of rows and figures that get a mark.

    Raises:
        ConfigError: Some of its figures are of another protocol.
    """
    _check_one_protocol(found)
    columns = _columns(found)
    lines = figure_lines(found)
    for number, (_, name, _) in enumerate(columns, 1):
        marks = [MARK if (line[0], name) in marked else " " for line in lines]
        if MARK in marks:
            for line, mark in zip(lines, marks, strict=True):
                line[number] += mark
    return "\n".join([*aligned(lines), *figure_notes(found)])


def figure_cells(
    found: Mapping[str, Any],
) -> tuple[list[tuple[str, str, str]], list[list[tuple[Any, str]]]]:
    """Return the same table in parts: title, figure and meaning of each column; value and text.

    Args:
        found: Content of eval.json or compare.json.

    Raises:
        ConfigError: Some of its figures are of another protocol.
    """
    _check_one_protocol(found)
    words = presentation_of(found)
    meanings = {figure: " ".join(meaning.split()) for _, figure, meaning in words.legend}
    columns = _columns(found)
    heads = [(title, name, meanings.get(name, "")) for title, name, _ in columns]
    rows = [
        [(row[column[1]], _shown(found, row, column)) for column in columns]
        for row in found["rows"]
    ]
    return heads, rows


def figure_notes(found: Mapping[str, Any]) -> list[str]:
    """Return what must be known of the figures of a table."""
    words = presentation_of(found)
    notes = [words.note] if words.note else []
    doubtful = found["not_meaningful"]
    notes += [f"( ) not meaningful: {reason}." for reason in dict.fromkeys(doubtful.values())]
    if found["real"] and found["real"]["floor"] is not None:
        notes.append(
            f"To real: {found['data']['num_samples']:,} other real images have "
            f"{found['real']['floor']:.3f}."
        )
    reasons = dict.fromkeys(found["missing"].values())
    titles = {name: title for title, name, _ in words.columns}
    for reason in reasons:
        names = [name for name, each in found["missing"].items() if each == reason]
        notes.append(f"No {', '.join(titles.get(name, name) for name in names)}: {reason}")
    return notes


def figure_lines(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the cells of the table of figures, line by line; the first are the titles."""
    columns = _columns(found)
    lines = [["", *(title for title, _, _ in columns)]]
    for row in found["rows"]:
        lines.append([row["name"], *(_shown(found, row, column) for column in columns)])
    return lines


def _columns(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [each for each in presentation_of(found).columns if each[1] in found["rows"][0]]


def _check_one_protocol(found: Mapping[str, Any]) -> None:
    """Refuse figures of different protocols in one table."""
    labels = {row["protocol"] for row in found["rows"] if "protocol" in row}
    if found.get("protocol"):
        labels.add(label(found["protocol"]))
    if len(labels) > 1:
        raise ConfigError(
            f"Figures of different protocols are not comparable: {', '.join(sorted(labels))}."
        )


def _shown(found: Mapping[str, Any], row: Mapping[str, Any], column: tuple[str, str, str]) -> str:
    _, name, shown = column
    if row[name] is None and name in found["missing"]:
        return NO_FIGURE
    return _cell(row, name, shown, name in found["not_meaningful"])


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

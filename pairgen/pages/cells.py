"""The cells of a page's tables: a text, and the value that it is sorted by."""

from typing import Any


def cell(value: Any, text: str = "", mark: bool = False) -> dict[str, Any]:
    """Return a cell: its value shown as it is, or as `text`.

    Args:
        value: A number or a text to sort by; None for no value, which is sorted last.
        text: What is shown; empty for the value, with its digits in groups.
        mark: Whether it is the best of its column.
    """
    shown = text or ("" if value is None else f"{value:,}" if isinstance(value, int) else value)
    return {"value": value, "text": shown, "mark": mark}

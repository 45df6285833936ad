"""Whether and how the progress of a command or a call is shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

# auto: bars on a terminal and in a notebook, else lines; events: records of the logger.
Style = Literal["auto", "events", "none"]
_STYLE: ContextVar[Style] = ContextVar("pairgen_progress", default="auto")


def progress_style() -> Style:
    """Return the style that was chosen around this code."""
    return _STYLE.get()


def set_progress_style(style: Style) -> None:
    """Show progress in this style from now on, as a command does."""
    _STYLE.set(style)


@contextmanager
def progress_shown(style: Style) -> Iterator[None]:
    """Show the progress of what runs inside the context in this style."""
    token = _STYLE.set(style)
    try:
        yield
    finally:
        _STYLE.reset(token)

"""Where progress is shown: as bars on a terminal or in a notebook, else as lines.

A bar, and a line for each worker below it, are tqdm's, which knows both. `progress_style` says
which display a command or a call gets.
"""

import logging
import sys
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TextIO

from pairgen.progress_style import progress_style

SECONDS_BETWEEN_LINES = 60.0
SECONDS_BETWEEN_REDRAWS = 0.5
SECONDS_BETWEEN_EVENTS = 10.0

log = logging.getLogger("pairgen")


@dataclass(frozen=True, kw_only=True)
class State:
    """How far a run is.

    Attributes:
        line: All of it as one line.
        workers: A line for each worker.
        num_done: Number of items done.
        num_planned: Number of items in total; 0 if unknown.
        fields: The same as fields of an event.
    """

    line: str
    workers: list[str]
    num_done: int
    num_planned: int
    fields: dict[str, Any]


class Display(Protocol):
    """Shows progress.

    Attributes:
        pause: Seconds between two calls of `show`.
    """

    pause: float

    def show(self, state: State) -> None:
        """Show the progress."""
        ...

    def clear(self) -> None:
        """Erase what is redrawn."""
        ...

    def close(self, last: State | None) -> None:
        """Erase what is redrawn, or show the last state; None if nothing was done."""
        ...


class Nothing:
    """Shows nothing."""

    pause = float("inf")

    def show(self, state: State) -> None:
        """Do nothing."""

    def clear(self) -> None:
        """Do nothing."""

    def close(self, last: State | None) -> None:
        """Do nothing."""


class Lines:
    """Prints a line now and then.

    Args:
        stream: Where to print.
    """

    pause = SECONDS_BETWEEN_LINES

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, state: State) -> None:
        """Print the line."""
        self._stream.write(f"{state.line}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Do nothing: a line stays."""

    def close(self, last: State | None) -> None:
        """Print the last line."""
        if last:
            self.show(last)


class Events:
    """Logs an event now and then, with numbers as fields."""

    pause = SECONDS_BETWEEN_EVENTS

    def show(self, state: State) -> None:
        """Log the numbers."""
        log.info("%s", state.line, extra={"event": "progress", "fields": state.fields})

    def clear(self) -> None:
        """Do nothing: an event stays."""

    def close(self, last: State | None) -> None:
        """Log the last numbers."""
        if last:
            self.show(last)


class Bars:
    """Draws a bar, and a line for each worker, in place.

    Args:
        stream: The terminal; a notebook draws by itself.
    """

    pause = SECONDS_BETWEEN_REDRAWS

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None
        self._workers: list[Any] = []

    def show(self, state: State) -> None:
        """Redraw the bar and the lines."""
        if self._bar is None:
            self._bar = self._new("{bar:20} {desc}" if state.num_planned else "{desc}", 0)
            self._bar.total = state.num_planned or None
        while len(self._workers) < len(state.workers):
            self._workers.append(self._new("{desc}", len(self._workers) + 1))
        texts = [*state.workers, *[""] * (len(self._workers) - len(state.workers))]
        self._bar.n = state.num_done
        self._bar.set_description_str(state.line)
        for each, text in zip(self._workers, texts, strict=True):
            each.set_description_str(text)

    def clear(self) -> None:
        """Erase all that was drawn."""
        for each in [*reversed(self._workers), *([self._bar] if self._bar is not None else [])]:
            each.close()
        self._bar, self._workers = None, []

    def close(self, last: State | None) -> None:
        """Erase all that was drawn: what was done is told by others."""
        del last
        self.clear()

    def _new(self, bar_format: str, position: int) -> Any:
        file = None if in_notebook() else self._stream
        return _bar_class()(
            bar_format=bar_format, position=position, leave=False, file=file, dynamic_ncols=True
        )


def find_display(stream: TextIO | None) -> Display:
    """Return the display of this command or call.

    Args:
        stream: Where to print; None for standard error, or the notebook.
    """
    style = progress_style()
    if style == "none":
        return Nothing()
    if style == "events":
        return Events()
    shown = stream or sys.stderr
    if shown.isatty() or (stream is None and in_notebook()):
        return Bars(shown)
    return Lines(shown)


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


@cache
def _bar_class() -> Any:
    """Return tqdm's class of bars, without the thread that would outlast the call."""
    with warnings.catch_warnings():
        # A notebook without widgets gets bars of text.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

    return type("Bar", (tqdm,), {"monitor_interval": 0})

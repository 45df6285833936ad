"""Metrics of a training: JSON lines, and a tracker."""

import json
import math
from pathlib import Path

from pairgen.regular_file import read_regular
from pairgen.training.loop.tracking import Tracking

# Of a line that tells none, later than any.
NO_STEP = 2**63


class Metrics:
    """Appends a line every few steps; a resumed run first drops lines it will write again.

    Args:
        folder: The run folder.
        first_step: Number of steps already trained.
        tracking: Where they are shown too; None for nowhere.
    """

    def __init__(self, folder: Path, first_step: int, tracking: Tracking | None = None) -> None:
        self._path = folder / "metrics.jsonl"
        lines = _lines(self._path) if first_step else []
        kept = [line for line in lines if _step_of(line) <= first_step]
        self._path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._tracking = tracking

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Write the figures after `step` steps.

        A figure that is not finite is left out, since JSON has none: the norm of gradients that
        overflowed in float16, in a step that loss scaling skips as well.
        """
        finite = {name: value for name, value in figures.items() if math.isfinite(value)}
        line = json.dumps({"step": step, **finite}, allow_nan=False)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if self._tracking is not None:
            self._tracking.write(step, finite)

    def picture(self, step: int, path: Path) -> None:
        """Show the grid after `step` steps where the figures are shown too."""
        if self._tracking is not None:
            self._tracking.picture(step, path)

    def close(self) -> None:
        """Flush pending output."""
        if self._tracking is not None:
            self._tracking.close()


def last_figures(folder: Path) -> dict[str, float]:
    """Return the figures in the last line of a run, without its step."""
    path = folder / "metrics.jsonl"
    for line in reversed(_lines(path)):
        # The last line of a killed run may be cut.
        if _step_of(line) < NO_STEP:
            return {k: v for k, v in json.loads(line).items() if k != "step" and _is_number(v)}
    return {}


def all_figures(folder: Path) -> list[dict[str, float]]:
    """Return the figures of every whole line of a run, with its step, in the order written."""
    lines = _lines(folder / "metrics.jsonl")
    found = [json.loads(line) for line in lines if _step_of(line) < NO_STEP]
    return [{name: each for name, each in line.items() if _is_number(each)} for line in found]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, whatever their bytes; none if there is no file."""
    return read_regular(path).decode("utf-8", "replace").splitlines() if path.exists() else []


def _step_of(line: str) -> int:
    """Return a line's step; a truncated line counts as later than any step."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return NO_STEP

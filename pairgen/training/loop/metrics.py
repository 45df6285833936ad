"""Metrics of a training: JSON lines, and tensorboard if it is installed."""

import json
import math
from pathlib import Path
from typing import Any

from pairgen.regular_file import read_regular

# Of a line that tells none, later than any.
NO_STEP = 2**63


class Metrics:
    """Appends a line every few steps; a resumed run first drops lines it will write again.

    Args:
        folder: The run folder.
        first_step: Number of steps already trained.
        tensorboard: Whether to write events too; skipped if the package is not installed.
    """

    def __init__(self, folder: Path, first_step: int, tensorboard: bool) -> None:
        self._path = folder / "metrics.jsonl"
        lines = _lines(self._path) if first_step else []
        kept = [line for line in lines if _step_of(line) <= first_step]
        self._path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._writer = _event_writer(folder / "tensorboard", first_step) if tensorboard else None

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Write the figures after `step` steps.

        A figure that is not finite is left out, since JSON has none: the norm of gradients that
        overflowed in float16, in a step that loss scaling skips as well.
        """
        finite = {name: value for name, value in figures.items() if math.isfinite(value)}
        line = json.dumps({"step": step, **finite}, allow_nan=False)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if self._writer is not None:
            for name, value in finite.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush pending output."""
        if self._writer is not None:
            self._writer.close()


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


def _event_writer(folder: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        return None
    return SummaryWriter(str(folder), purge_step=first_step + 1 if first_step else None)

"""Figures of a training: JSON lines, and tensorboard where it is installed."""

import json
import math
from pathlib import Path
from typing import Any


class Metrics:
    """Appends a line every few steps; a continued run drops what it is about to write again.

    Args:
        folder: Of the run.
        first_step: Steps that stand.
        tensorboard: Whether to write events too; without the package they are left out.
    """

    def __init__(self, folder: Path, first_step: int, tensorboard: bool) -> None:
        self._path = folder / "metrics.jsonl"
        lines = self._path.read_text(encoding="utf-8").splitlines() if first_step else []
        kept = [line for line in lines if _step_of(line) <= first_step]
        self._path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._writer = _event_writer(folder / "tensorboard", first_step) if tensorboard else None

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Write the figures after `step` steps.

        One that is not finite is left out, as JSON knows none: the norm of gradients that
        overflowed in float16, whose step the loss scale leaves out too.
        """
        finite = {name: value for name, value in figures.items() if math.isfinite(value)}
        line = json.dumps({"step": step, **finite}, allow_nan=False)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if self._writer is not None:
            for name, value in finite.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write out what waits."""
        if self._writer is not None:
            self._writer.close()


def last_figures(folder: Path) -> dict[str, float]:
    """Return the figures of the last line of a run, without its step."""
    path = folder / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {k: v for k, v in json.loads(lines[-1]).items() if k != "step"} if lines else {}


def _step_of(line: str) -> int:
    """Return a line's step; a line that was cut off belongs to no step that stands."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 2**63


def _event_writer(folder: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        return None
    return SummaryWriter(str(folder), purge_step=first_step + 1 if first_step else None)

"""The lines of finished runs, in a file that is committed beside its pipeline."""

import fcntl
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _arms.study import Run, Study
from pairgen.errors import ConfigError

Line = Mapping[str, Any]
PARTS = ("arm", "seed", "steps", "settings", "options", "seconds", "device", "versions", "figures")


@dataclass(frozen=True)
class Lines:
    """What a file of results holds.

    Attributes:
        whole: Its lines, in order.
        damaged: Whether it ends in a line that was not written to its end.
    """

    whole: tuple[Line, ...]
    damaged: bool = False


def make_line(
    study: Study, run: Run, figures: Mapping[str, float | None], facts: Mapping[str, Any]
) -> Line:
    """Return the line of a finished run; what is infinite or no number becomes null.

    Args:
        study: The study.
        run: The run.
        figures: What the study's function returned.
        facts: Its `seconds`, `device` and `versions`.
    """
    missing = [name for name in study.figures.values() if name not in {*figures, "seconds"}]
    if missing:
        raise ConfigError(f"The run of {run} gave no figure {missing[0]!r}.")
    line = {
        **run._asdict(),
        "settings": study.settings,
        "options": study.arms[run.arm],
        **facts,
        "seconds": round(figures.get("seconds") or facts["seconds"], 1),
        "figures": {
            name: float(value) if value is not None and math.isfinite(value) else None
            for name, value in figures.items()
            if name != "seconds"
        },
    }
    return _as_read(line)


def parse(text: bytes, name: str) -> Lines:
    """Return the lines of a file of results; a damaged last one is left out.

    Raises:
        ConfigError: another line is not one of a finished run.
    """
    rows = [each for each in text.split(b"\n") if each.strip()]
    damaged = bool(rows) and _object(rows[-1]) is None
    whole = [_object(row) for row in (rows[:-1] if damaged else rows)]
    for number, line in enumerate(whole, start=1):
        if line is None or not set(PARTS) <= line.keys():
            raise ConfigError(
                f"Line {number} of {name} is not one of a finished run: a JSON object with "
                f"{', '.join(PARTS)}."
            )
    return Lines(tuple(line for line in whole if line is not None), damaged)


def read(path: Path) -> Lines:
    """Return the lines of a file of results; none if it is not there."""
    return parse(path.read_bytes(), path.name) if path.is_file() else Lines(())


def append(path: Path, line: Line) -> None:
    """Append a line behind the last whole one, on the disk when this ends; processes take turns."""
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        if parse(text, path.name).damaged:
            text = text[: text.rstrip().rfind(b"\n") + 1]
            file.truncate(len(text))
        start = b"\n" if text and not text.endswith(b"\n") else b""
        file.write(start + json.dumps(line, allow_nan=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def select(study: Study, lines: Lines) -> dict[Run, Line]:
    """Return the runs that are done with the settings, steps and seeds of a study."""
    asked = {
        study.run_of(arm, seed, steps)
        for arm in study.arms
        for seed in range(study.seeds)
        for steps in {*study.steps, *(n for each in study.comparisons for n in each.steps)}
    }
    settings, arms = _as_read([study.settings, study.arms])
    found: dict[Run, Line] = {}
    for line in lines.whole:
        run = Run(line["arm"], line["seed"], line["steps"])
        if run in asked and (line["settings"], line["options"]) == (settings, arms[run.arm]):
            found.setdefault(run, line)
    return found


def _object(row: bytes) -> Line | None:
    """Return the JSON object of a row; None if it is none, as where its end is missing."""
    try:
        found = json.loads(row)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _as_read(value: Any) -> Any:
    """Return JSON as it is when it is read again: with lists for tuples."""
    return json.loads(json.dumps(value, allow_nan=False))

"""What a check is given, and what it yields."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

# Keeps the results small, whatever an error says.
MAX_TEXT = 400


@dataclass(frozen=True)
class Row:
    """A line of the results.

    Attributes:
        name: What was measured; unique within its check.
        figure: A number, or a word such as "pass".
        unit: Of the figure.
        note: What a reader has to know of it.
        failed: Whether something is wrong.
    """

    name: str
    figure: float | str
    unit: str = ""
    note: str = ""
    failed: bool = False

    def plain(self) -> dict[str, Any]:
        """Return the row as JSON can hold it: short, and finite."""
        figure = self.figure
        if isinstance(figure, float):
            figure = float(f"{figure:.4g}") if math.isfinite(figure) else str(figure)
        return {
            "name": self.name[:MAX_TEXT],
            "figure": figure,
            "unit": self.unit,
            "note": " ".join(self.note.split())[:MAX_TEXT],
            "failed": self.failed,
        }


def verdict(name: str, passed: bool, note: str = "") -> Row:
    """Return the row of something that either holds or does not."""
    return Row(name, "pass" if passed else "FAIL", note=note, failed=not passed)


@dataclass(frozen=True)
class Setting:
    """What a check is given.

    Attributes:
        small: Whether to use few channels, pixels and steps: to see that the check runs.
        folder: An empty folder of its own.
        shared: A folder that later checks see too: models are written there once.
        seconds: Its part of the time, to be filled by a check that may repeat itself.
        deadline: When it is killed, on the clock of `time.monotonic`; later than that if earlier
            checks left time.
        methods: By which to train; all if there are none.
    """

    small: bool
    folder: Path
    shared: Path
    seconds: float
    deadline: float
    methods: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """The GPU where there is one."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def dtype(self) -> str:
        """What large networks compute in; most CPUs take many times as long in bfloat16."""
        return "bfloat16" if self.device.type == "cuda" else "float32"

    def prompts(self, num: int) -> Path:
        """Write different prompts, one a line, and return their file."""
        file = self.folder / f"{num}-prompts.txt"
        file.write_text("\n".join(texts(num)), encoding="utf-8")
        return file


def texts(num: int) -> list[str]:
    """Return different prompts."""
    return [f"picture number {number} of a thing" for number in range(num)]

"""How a training ended."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trained:
    """How a training ended.

    Attributes:
        folder: Of the run.
        step: Steps that were trained.
        interrupted: Whether the user stopped it.
        first_process: Whether this is the process that speaks.
    """

    folder: Path
    step: int
    interrupted: bool
    first_process: bool = True

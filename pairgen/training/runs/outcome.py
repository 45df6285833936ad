"""The result of a training."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        folder: The run folder.
        step: Number of steps trained.
        interrupted: Whether the user stopped the training.
        first_process: Whether this is the process that prints.
        following: Command to run next; empty if the training says none.
    """

    folder: Path
    step: int
    interrupted: bool
    first_process: bool = True
    following: str = ""

"""The interface of a kind of student: text to image, or image to image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pairgen.teachers.base import Teacher
from pairgen.training.options import TrainConfig


@dataclass(frozen=True, kw_only=True)
class StudentRun:
    """What the kinds need to know of a run.

    Attributes:
        config: The run's options.
        folder: Its folder.
        teacher: Encodes prompts and decodes latents.
        module: Name of the teacher's module.
        guidance_scales: Scales of the training data, ascending; none for data without guidance.
    """

    config: TrainConfig
    folder: Path
    teacher: Teacher
    module: str
    guidance_scales: tuple[float, ...]


class StudentKind(Protocol):
    """What a run shows, says and writes of its student.

    A student is that of `Method.student()`. What grids show is the kind's own: it is found or made
    once, and a resumed run shows the same.
    """

    @property
    def announcement(self) -> str:
        """What the user is told before `find_shown`."""
        ...

    @property
    def next_command(self) -> str:
        """The command to run after the training."""
        ...

    def find_shown(self) -> Any:
        """Return what every grid of the run shows; None if the data have nothing to show.

        Raises:
            PairgenError: It cannot be made or read; the run can continue without grids.
        """
        ...

    def grid_rows(self, student: Any, shown: Any) -> Sequence[np.ndarray]:
        """Return the rows of a grid, each [N, H, W, 3] uint8, with the student's images now."""
        ...

    def model_facts(self, student: Any) -> dict[str, Any]:
        """Return the sections of the model file that say how the student is run."""
        ...

    def usage(self, student: Any) -> str:
        """Return the paragraphs of the card that say what the student does, and how to run it."""
        ...

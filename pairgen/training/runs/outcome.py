"""The result of a training."""

from dataclasses import dataclass
from pathlib import Path

from pairgen.shown import Picture, Shown, ShownTable, picture_in
from pairgen.wording import counted


@dataclass(frozen=True, repr=False)
class Trained(Shown):
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

    def shown(self) -> ShownTable:
        """Return how far it is, and what to do next."""
        state = "stopped; continue with resume=True" if self.interrupted else "finished"
        rows = [("folder", str(self.folder)), ("state", state), ("next", self.following)]
        return ShownTable(f"Trained: {counted(self.step, 'step')}", [row for row in rows if row[1]])

    def shown_pictures(self) -> list[Picture]:
        """Return the last grid."""
        grids = sorted(self.folder.glob("grids/*.png"))
        return picture_in(grids[-1]) if grids else []

"""Progress of a training."""

import logging
from collections.abc import Mapping

from pairgen.execution.display import Nothing
from pairgen.execution.progress import Progress

# Printed on the first Ctrl-C.
STOPPING = "Stopping after this step; press Ctrl-C again to stop now."


class TrainProgress(Progress):
    """Counts steps, and shows the losses and the share of time spent waiting for data.

    Args:
        num_steps: Number of steps in the run.
        num_before: Number of steps already trained.
        quiet: Whether to print nothing, as on all ranks but the first.
    """

    def __init__(self, num_steps: int, num_before: int, quiet: bool) -> None:
        super().__init__(num_steps, num_before, unit="steps")
        self.quiet = quiet
        if quiet:
            self.display = Nothing()
        self.losses = ""

    def line(self) -> str:
        """Return the progress as one line."""
        return super().line() + self.losses

    def note(self, message: str, level: int = logging.WARNING) -> None:
        """Log what the user must know, on the first rank."""
        if not self.quiet:
            super().note(message, level)

    def show(self, figures: Mapping[str, float]) -> None:
        """Show the latest figures: `PLAYER/loss` of each player, `data_wait`."""
        losses = {k.removesuffix("/loss"): v for k, v in figures.items() if k.endswith("/loss")}
        shown = ", ".join(f"{name} loss {value:.4g}" for name, value in losses.items())
        self.losses = f", {shown}, data wait {100 * figures['data_wait']:.1f} %"

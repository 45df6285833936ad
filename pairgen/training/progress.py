"""How a training tells how far it is."""

import io
from collections.abc import Mapping

from pairgen.execution.progress import Progress

# What a first Ctrl-C is answered.
STOPPING = "Stopping after this step; Ctrl-C again stops now."


class TrainProgress(Progress):
    """Counts steps, and tells the loss and the share of time that waits for data.

    Args:
        num_steps: Of the run.
        num_before: Steps that stand.
        quiet: Say nothing, as all ranks but the first.
    """

    def __init__(self, num_steps: int, num_before: int, quiet: bool) -> None:
        super().__init__(
            num_steps, num_before, unit="steps", stream=io.StringIO() if quiet else None
        )
        self.told = ""

    def line(self) -> str:
        """Return the one-line state."""
        return super().line() + self.told

    def tell(self, figures: Mapping[str, float]) -> None:
        """Take over the newest figures: `PLAYER/loss` of each player, `data_wait`."""
        losses = {k.removesuffix("/loss"): v for k, v in figures.items() if k.endswith("/loss")}
        told = ", ".join(f"{name} loss {value:.4g}" for name, value in losses.items())
        self.told = f", {told}, data wait {100 * figures['data_wait']:.1f} %"

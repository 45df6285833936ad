"""Workers as a driver sees them, wherever they are: actors of Ray, or those of a simulation."""

from dataclasses import dataclass
from typing import Any, Protocol

from pairgen.execution.scheduling.task_run import Run


@dataclass(frozen=True)
class Died:
    """The process or node of a worker died before it answered."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """A worker answered with an error; it is alive."""

    error: Exception


class Fleet(Protocol):
    """Workers by number. No call waits; each answer goes to the driver's method of that name."""

    def add(self, number: int, num_workers: int) -> None:
        """Start a worker, one of `num_workers`; one without room starts when there is room."""
        ...

    def load(self, number: int) -> None:
        """Have a worker load what the tasks need: `on_loaded`."""
        ...

    def run(self, run: Run) -> None:
        """Have a worker run a task: `on_ran`."""
        ...

    def finish(self, run: Run) -> None:
        """Have a worker end the upload of what it has made, while it runs others: `on_ran`."""
        ...

    def ask(self, number: int, run: Run | None) -> None:
        """Ask a worker for the number of slots done in its task: `on_status`."""
        ...

    def drop(self, run: Run) -> None:
        """Have a worker end its task without a result, after the batch in work."""
        ...

    def restart(self, number: int) -> None:
        """End the process of a worker, also one that hangs, and start it anew."""
        ...


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a worker returns for a task.

    Attributes:
        result: The result; None if the task was dropped.
        is_dropped: Whether the task ended without a result, as the worker was told to.
        was_made: Whether the result was made now; false for a shard that stood already.
        is_leaving: Whether the process is about to end, so that it takes no more tasks.
        is_uploading: Whether the result is still to come, from `Fleet.finish`.
    """

    result: Any = None
    is_dropped: bool = False
    was_made: bool = True
    is_leaving: bool = False
    is_uploading: bool = False

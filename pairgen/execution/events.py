"""The callbacks through which an executor reports what happens."""

from typing import Any, Protocol

from pairgen.types import ShardTask


class Events(Protocol):
    """Callbacks through which an executor reports what happens."""

    def started(self, worker: str, task: ShardTask) -> None:
        """A worker took a task."""
        ...

    def advanced(self, worker: str, num_done: int) -> None:
        """A worker has done `num_done` slots of its task."""
        ...

    def finished(self, worker: str, result: Any) -> None:
        """A worker finished its task; the result of a job that makes shards is the receipt."""
        ...

    def uploading(self, worker: str, task: ShardTask) -> None:
        """A worker has made its shard and uploads it; it may take another task meanwhile."""
        ...

    def upload_ended(self, worker: str, task: ShardTask) -> None:
        """An upload ended without a result: it failed, or another worker had the shard first."""
        ...

    def lost(self, worker: str, reason: str) -> None:
        """A worker died; its task goes to another worker."""
        ...

    def ended(self, worker: str) -> None:
        """A worker ended its task without a result: another had it first, or it was dropped."""
        ...

    def note(self, message: str) -> None:
        """Print a message for the user."""
        ...

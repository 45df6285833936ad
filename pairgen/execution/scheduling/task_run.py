"""One task on one worker."""

import math
from dataclasses import dataclass, field

from pairgen.types import ShardTask


@dataclass(eq=False)
class Run:
    """One task on one worker.

    Attributes:
        worker: Number of the worker.
        task: The task.
        start: When it began.
        is_second: Whether another worker was making the same shard when this one began.
        num_done: Slots done, as far as known.
        last_news: When `num_done` grew last, or the run began.
        ended: When the worker was told to end it without a result; None if it was not.
        is_named: Whether the user has read that it is slow.
        is_made: Whether all is done but for the upload.
    """

    worker: int
    task: ShardTask
    start: float
    is_second: bool
    num_done: int = 0
    last_news: float = field(init=False)
    ended: float | None = None
    is_named: bool = False
    is_made: bool = False

    def __post_init__(self) -> None:
        self.last_news = self.start

    def seconds_left(self, now: float, usual: float | None) -> float:
        """Return how long the task will still take, by its own rate or by the usual time.

        Args:
            now: The time.
            usual: Seconds that a task takes; None if unknown.

        Returns:
            Seconds; infinity if neither is known.
        """
        elapsed = now - self.start
        if self.num_done > 0:
            return elapsed / self.num_done * (self.task.num_slots - self.num_done)
        if usual is None:
            return math.inf
        return usual - elapsed if elapsed < usual else usual

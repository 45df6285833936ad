"""A request to stop, which may come with a time by which the process will be gone."""

import math
import threading
import time
from collections.abc import Callable


class Dropped(Exception):  # noqa: N818 - it ends a task on request; nothing is wrong
    """A task ends without a result, because it was told to."""


class Stop(threading.Event):
    """A request to stop; without a notice, tasks in progress may take their time.

    Attributes:
        due: When the process has to be gone, in seconds of the monotonic clock; infinity without a
            notice.
    """

    due: float = math.inf

    def give_notice(self, grace: float) -> None:
        """Request a stop within `grace` seconds."""
        self.due = min(self.due, time.monotonic() + grace)
        self.set()


def due_of(stop: threading.Event) -> float:
    """Return when the process has to be gone; infinity without a notice."""
    return stop.due if isinstance(stop, Stop) else math.inf


def dropping(
    stop: threading.Event, num_slots: int, on_samples: Callable[[int], None]
) -> Callable[[int], None]:
    """Wrap the callback of a task that begins now: it drops the task if it cannot end in time.

    Args:
        stop: The request to stop, looked at after each batch.
        num_slots: Slots of the task.
        on_samples: Called with the number of slots done so far.

    Returns:
        The callback; it raises `Dropped` once a notice leaves less time than the task is expected
        to take at its rate so far.
    """
    start = time.monotonic()

    def advance(num_done: int) -> None:
        on_samples(num_done)
        now, due = time.monotonic(), due_of(stop)
        if due < math.inf and now + (now - start) * (num_slots / max(num_done, 1) - 1) > due:
            raise Dropped

    return advance

"""What the process of a Ray worker answers."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pairgen.execution.shard_actor import ShardActor
from pairgen.types import ShardTask


class Unopened:
    """A job that nobody may open."""

    def open(self) -> Any:
        raise AssertionError("the driver has not asked for it")


def test_a_process_that_was_started_anew_takes_no_task_before_it_has_loaded() -> None:
    task = ShardTask(shard_index=0, start=0, stop=4, fingerprint="")
    # In the main thread it would take this process's SIGTERM.
    with ThreadPoolExecutor(1) as thread:
        actor = thread.submit(ShardActor, Unopened(), 1.0).result()
    answer = actor.run(task)
    # The driver gives the task to another, and lets this one load.
    assert answer.is_dropped and answer.is_leaving
    assert actor.finish(task).is_dropped

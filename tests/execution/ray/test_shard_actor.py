"""What the process of a Ray worker answers."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pairgen.errors import ConfigError, WorkerError
from pairgen.execution.ray.shard_actor import ShardActor
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


class Raising:
    """A job whose worker raises an exception; of `None`, it does not even open."""

    device = "cpu"

    def __init__(self, error: Exception, opens: bool = True) -> None:
        self.error, self.opens = error, opens

    def open(self) -> Any:
        if not self.opens:
            raise self.error
        return self

    def run(self, task: ShardTask, on_samples: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("opens", [False, True])
def test_an_exception_of_the_users_code_is_a_sentence_with_the_log(
    opens: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    task = ShardTask(shard_index=0, start=0, stop=4, fingerprint="")
    with ThreadPoolExecutor(1) as thread:
        job: Any = Raising(RuntimeError("my teacher\nis odd"), opens)
        actor = thread.submit(ShardActor, job, 1.0).result()
    with pytest.raises(WorkerError) as caught:
        actor.load()
        actor.run(task)
    told = str(caught.value)
    assert told.startswith("RuntimeError: my teacher is odd (")
    assert f"{Path(__file__).name}:" in told
    # The driver reads on another machine: the traceback lies where the worker is.
    log = told.partition("whole traceback: ")[2].removesuffix(").")
    assert log == str(Path("/proc/self/fd/2").readlink())
    assert "Traceback" in capfd.readouterr().err


def test_a_sentence_of_pairgen_stays_what_it_is() -> None:
    task = ShardTask(shard_index=0, start=0, stop=4, fingerprint="")
    with ThreadPoolExecutor(1) as thread:
        job: Any = Raising(ConfigError("This is wrong."))
        actor = thread.submit(ShardActor, job, 1.0).result()
    actor.load()
    with pytest.raises(ConfigError, match=r"^This is wrong\.$"):
        actor.run(task)

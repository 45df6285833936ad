"""What a worker of this process leaves behind: it is told, waited for, or dropped."""

import threading
from concurrent.futures import Future
from typing import Any

import pytest

from pairgen.errors import StoreError
from pairgen.execution.executor import run_serial
from pairgen.execution.stopping import Stop
from pairgen.execution.uploads.pending_upload import PendingUpload
from pairgen.shards.format.publish import ShardContestedError
from pairgen.types import ShardTask
from tests.sleep_job import sleep_tasks

WORKER = "worker 0"
FIRST = sleep_tasks(1)[0]


class Told:
    """What an executor reports, in order."""

    def __init__(self) -> None:
        self.order: list[tuple[str, Any]] = []

    def started(self, worker: str, task: ShardTask) -> None:
        self.order.append(("started", task.shard_index))

    def advanced(self, worker: str, num_done: int) -> None:
        self.order.append(("advanced", num_done))

    def finished(self, worker: str, result: Any) -> None:
        self.order.append(("finished", result))

    def ended(self, worker: str) -> None:
        self.order.append(("ended", None))

    def uploading(self, worker: str, task: ShardTask) -> None:
        self.order.append(("uploading", task.shard_index))

    def upload_ended(self, worker: str, task: ShardTask) -> None:
        self.order.append(("upload ended", task.shard_index))

    def lost(self, worker: str, reason: str) -> None:
        self.order.append(("lost", reason))

    def note(self, message: str) -> None:
        self.order.append(("note", message))


def done(result: Any) -> "Future[Any]":
    future: Future[Any] = Future()
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
    return future


def test_an_upload_is_told_at_the_first_progress_after_its_end() -> None:
    told, future = Told(), Future[Any]()
    with PendingUpload(WORKER, told, Stop()) as upload:
        upload.begin(FIRST, future)
        on_samples = upload.watched(lambda num: told.advanced(WORKER, num))
        on_samples(1)
        future.set_result("receipt")
        on_samples(2)
        on_samples(3)
    assert told.order == [
        ("uploading", 0),
        ("advanced", 1),
        ("advanced", 2),
        ("finished", "receipt"),
        ("advanced", 3),
    ]


def test_a_failure_comes_up_at_the_next_progress() -> None:
    told = Told()
    with (
        pytest.raises(StoreError, match="refused"),
        PendingUpload(WORKER, told, Stop()) as upload,
    ):
        upload.begin(FIRST, done(StoreError("refused")))
        upload.watched(lambda _: None)(1)
    assert told.order == [("uploading", 0), ("upload ended", 0)]


def test_another_error_waits_for_the_upload_and_is_the_one_to_tell() -> None:
    told, future = Told(), Future[Any]()
    threading.Timer(0.3, future.set_result, ("receipt",)).start()
    with pytest.raises(ValueError, match="odd"), PendingUpload(WORKER, told, Stop()) as upload:
        upload.begin(FIRST, future)
        raise ValueError("odd")
    assert told.order == [("uploading", 0), ("finished", "receipt")]


def test_who_interrupts_does_not_wait() -> None:
    told = Told()
    with pytest.raises(KeyboardInterrupt), PendingUpload(WORKER, told, Stop()) as upload:
        upload.begin(FIRST, Future())
        raise KeyboardInterrupt
    assert told.order == [("uploading", 0)]


def test_after_the_end_of_a_notice_nothing_is_waited_for() -> None:
    told, stop = Told(), Stop()
    with PendingUpload(WORKER, told, stop) as upload:
        upload.begin(FIRST, Future())
        stop.give_notice(0.1)
    assert told.order == [
        ("uploading", 0),
        ("upload ended", 0),
        ("note", "The upload of shard 00000 is dropped."),
    ]


class Contested:
    """A job whose first upload meets that of another worker."""

    cpu_threads, device = 1, "cpu"

    def __init__(self) -> None:
        self.num_runs = 0

    def open(self) -> "Contested":
        return self

    def run(self, task: ShardTask, on_samples: Any) -> Any:
        self.num_runs += 1
        return done(ShardContestedError(0) if self.num_runs == 1 else task.shard_index)


@pytest.mark.parametrize(("num_tasks", "begun"), [(1, [0, 0]), (2, [0, 1, 0])])
def test_a_contested_shard_is_made_again(num_tasks: int, begun: list[int]) -> None:
    told = Told()
    run_serial(Contested(), sleep_tasks(num_tasks), told, Stop())
    assert [what for name, what in told.order if name == "started"] == begun
    assert [what for name, what in told.order if name == "finished"] == begun[1:]

"""New tries: of what may pass, and of nothing else."""

import errno
import logging

import pytest

from pairgen import retry
from pairgen.retry import PAUSES, PAUSES_IF_DENIED, ask, pauses_after


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("connection reset by peer"),
        OSError("SlowDown: please reduce your request rate"),
        RuntimeError("503 Service Unavailable"),
        TimeoutError("timed out"),
    ],
)
def test_what_may_pass_is_tried_for_half_a_minute(error: Exception) -> None:
    assert pauses_after(error) == PAUSES and 30 <= sum(PAUSES) <= 60


@pytest.mark.parametrize(
    "error",
    [
        PermissionError("The provided token has expired."),
        OSError("ExpiredToken"),
        RuntimeError("An error occurred (403): Forbidden"),
        OSError("Unable to locate credentials"),
    ],
)
def test_credentials_have_seconds_to_be_renewed(error: Exception) -> None:
    assert pauses_after(error) == PAUSES_IF_DENIED and sum(PAUSES_IF_DENIED) <= 5


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "no such file"),
        FileExistsError("it exists"),
        IsADirectoryError("a folder"),
        OSError(errno.ENOSPC, "no space left on device"),
        ValueError("a bad argument"),
        NotImplementedError(),
    ],
)
def test_what_stays_is_not_tried_again(error: Exception) -> None:
    assert pauses_after(error) == ()


def test_the_answer_comes_after_failures_and_is_logged(monkeypatch, caplog) -> None:
    slept: list[float] = []
    monkeypatch.setattr(retry.time, "sleep", slept.append)
    errors = [ConnectionResetError("reset"), TimeoutError("https://key@host")]

    def call() -> str:
        if errors:
            raise errors.pop(0)
        return "answer"

    with caplog.at_level(logging.WARNING, "pairgen"):
        assert ask(call, "s3://b/x", lambda _: "hidden") == "answer"
    assert len(slept) == 2 and 0.25 <= slept[0] <= 0.5 <= slept[1] <= 1.0
    (message,) = caplog.messages
    assert message.startswith("s3://b/x: hidden; trying again in ")


def test_the_last_error_is_raised(monkeypatch) -> None:
    monkeypatch.setattr(retry.time, "sleep", lambda _: None)
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        raise TimeoutError(f"number {calls}")

    with pytest.raises(TimeoutError, match=f"number {len(PAUSES) + 1}"):
        ask(call, "x")

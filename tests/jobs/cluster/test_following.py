"""A log that is followed over a connection that breaks is whole, and its end is the command's."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from pairgen.errors import ConfigError, PairgenError
from pairgen.jobs.cluster import ray_jobs
from pairgen.jobs.cluster.ray_jobs import Jobs

LOG = "one\ntwo\nthree\nfour\n"


class Server:
    """Stands in for a job server: its log breaks after a few characters, at several places."""

    def __init__(self, breaks: list[int], **details: Any) -> None:
        self.breaks = list(breaks)
        self.num_refused = 0
        status = SimpleNamespace(value=details.pop("status"), is_terminal=lambda: True)
        self.details = SimpleNamespace(status=status, **details)

    def __call__(self, *_: Any, **__: Any) -> "Server":
        if self.num_refused:
            self.num_refused -= 1
            raise ConnectionError("refused")
        return self

    async def tail_job_logs(self, job_id: str) -> AsyncIterator[str]:
        if job_id != "known":
            raise RuntimeError(f"Request failed with status code 404: {job_id} does not exist")
        end = self.breaks.pop(0) if self.breaks else len(LOG)
        for start in range(0, end, 3):
            yield LOG[start : min(start + 3, end)]
        if end < len(LOG):
            self.num_refused = 2
            raise RuntimeError("WebSocket connection closed unexpectedly")

    def get_job_info(self, _: str) -> Any:
        return self.details

    def get_job_logs(self, _: str) -> str:
        return LOG


def follow(server: Server, monkeypatch: pytest.MonkeyPatch, job: str = "known") -> Any:
    monkeypatch.setattr(ray_jobs, "JobSubmissionClient", server)
    monkeypatch.setattr(ray_jobs, "SECONDS_BETWEEN_TRIES", 0.0)
    written: list[str] = []
    said: list[str] = []
    code = Jobs("mine", lambda: "http://127.0.0.1:1").follow(job, written.append, said.append)
    return "".join(written), code, said


@pytest.mark.parametrize("breaks", [[], [0], [1, 7, 7, 12], [18], [5, 2, 9]])
def test_a_log_is_whole_wherever_the_connection_breaks(
    breaks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(breaks, status="SUCCEEDED", driver_exit_code=0, message="")
    log, code, said = follow(server, monkeypatch)
    assert (log, code) == (LOG, 0)
    assert sum("was lost" in line for line in said) == len(breaks)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [("FAILED", 3, 3), ("FAILED", -9, 137), ("FAILED", None, 1), ("STOPPED", None, 130)],
)
def test_the_exit_code_is_that_of_the_command(
    status: str, code: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server([], status=status, driver_exit_code=code, message="lost\nmore")
    assert follow(server, monkeypatch)[1] == expected


def test_an_unknown_job_and_a_lost_cluster_end_the_following(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server([], status="SUCCEEDED", driver_exit_code=0, message="")
    with pytest.raises(ConfigError, match="has no job 'other'"):
        follow(server, monkeypatch, job="other")
    server.num_refused = 10**9
    monkeypatch.setattr(ray_jobs, "PATIENCE", 0.2)
    with pytest.raises(PairgenError, match="'mine' does not answer: refused"):
        follow(server, monkeypatch)


def test_what_is_known_to_be_gone_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise PairgenError("The head has died.")

    monkeypatch.setattr(ray_jobs, "JobSubmissionClient", Server([], status="RUNNING"))
    with pytest.raises(PairgenError, match="The head has died"):
        Jobs("mine", str, look=gone).follow("known", print, print)

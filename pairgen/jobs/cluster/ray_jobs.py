"""Jobs of a Ray cluster, through Ray's Jobs API.

A job's log is followed over a connection that may break: it is made again, and goes on where the
text ended.
"""

import asyncio
import logging
import shlex
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import Any

import aiohttp
import requests
from ray.job_submission import JobSubmissionClient

from pairgen.drawing.table import left_aligned
from pairgen.errors import ConfigError, PairgenError
from pairgen.jobs.cluster.base import EXIT_STOPPED, Job, Say, Write, only_following
from pairgen.jobs.cluster.handed_over import KEY, hand_over, hook, wrapped
from pairgen.redaction import without_secrets

# It tells of every connection that ends well.
logging.getLogger(JobSubmissionClient.__module__).setLevel(logging.WARNING)

SECONDS_BETWEEN_TRIES = 2.0
SECONDS_TO_START = 120.0
# So long a follower waits for a cluster that cannot be reached.
PATIENCE = 900.0
# What a broken connection raises; Ray raises RuntimeError for a broken log and for most else.
LOST = (ConnectionError, requests.RequestException, aiohttp.ClientError, RuntimeError, OSError)


class Jobs:
    """The jobs of a cluster.

    Args:
        name: CONFIG of the cluster, for messages.
        address: Returns the URL of the job server; called again when the connection was lost.
        token: Token that protects the cluster; empty for the one that Ray finds by itself.
        look: Raises PairgenError if the cluster is known to be gone.
    """

    def __init__(
        self,
        name: str,
        address: Callable[[], str],
        *,
        token: str = "",
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.address = address
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.look = look

    def wait_until_ready(self, seconds: float = SECONDS_TO_START) -> None:
        """Wait until the job server answers.

        Raises:
            PairgenError: It does not.
        """
        self._connected(seconds, lambda _: None)

    def submit(self, job: Job, python: str, folder: str = "") -> str:
        """Submit a command and return the id of the job.

        Args:
            job: The command.
            python: The interpreter on the head.
            folder: Folder of the head to run in; empty for Ray's choice.
        """
        client = self._connected(SECONDS_TO_START, lambda _: None)
        runtime_env: dict[str, Any] = {}
        argv = job.argv(python)
        if job.working_dir:
            runtime_env["working_dir"] = job.working_dir
        if job.env:
            package = hand_over(client, job.env)
            runtime_env["env_vars"] = {KEY: package}
            runtime_env["worker_process_setup_hook"] = hook()
            argv = wrapped(argv)
        # Signals and the exit code are those of the command, not of a shell around it.
        line = f"exec {shlex.join(argv)}"
        if folder:
            line = f"cd {shlex.quote(folder)} && {line}"
        try:
            return str(client.submit_job(entrypoint=line, runtime_env=runtime_env))
        except LOST as error:
            raise PairgenError(f"The job was not taken: {_reason(error)}.") from None

    def follow(self, job_id: str, write: Write, say: Say) -> int:
        """Write the log of a job until its end, and return the exit code of its command.

        Raises:
            ConfigError: There is no such job.
            PairgenError: The cluster cannot be reached any more.
            KeyboardInterrupt: By Ctrl-C; the job goes on, and how to stop it was said.
        """
        follower = _Follower(write)
        with only_following(self.name, job_id, say):
            while True:
                client = self._connected(PATIENCE, say)
                try:
                    asyncio.run(follower.tail(client, job_id))
                    details = client.get_job_info(job_id)
                    if details.status.is_terminal():
                        follower.rest(client.get_job_logs(job_id))
                        return _exit_code(details, say)
                except LOST as error:
                    self._refuse_unknown(job_id, error)
                    say(f"The connection was lost ({_reason(error)}); trying again.")
                time.sleep(SECONDS_BETWEEN_TRIES)

    def logs(self, job_id: str, follow: bool, write: Write, say: Say) -> int:
        """Write the log of a job, of the last one if the id is empty."""
        client = self._connected(SECONDS_TO_START, say)
        job_id = job_id or self._last(client)
        if follow:
            return self.follow(job_id, write, say)
        try:
            write(client.get_job_logs(job_id))
        except LOST as error:
            self._refuse_unknown(job_id, error)
            raise PairgenError(f"The log cannot be read: {_reason(error)}.") from None
        return 0

    def stop(self, job_id: str, say: Say) -> None:
        """End a job."""
        client = self._connected(SECONDS_TO_START, say)
        try:
            client.stop_job(job_id)
        except LOST as error:
            self._refuse_unknown(job_id, error)
            raise PairgenError(f"The job cannot be stopped: {_reason(error)}.") from None
        say(f"Job {job_id} ends; submit its command again to continue.")

    def table(self) -> str:
        """Return the jobs as text, the last one first."""
        rows = [("job", "state", "begun", "command")]
        for each in _newest_first(self._connected(SECONDS_TO_START, lambda _: None)):
            begun = datetime.fromtimestamp((each.start_time or 0) / 1000)
            state = each.status.value.lower()
            if each.driver_exit_code:
                state += f" ({_shell_code(each.driver_exit_code)})"
            command = "pairgen" + without_secrets(each.entrypoint or "").rpartition("-m pairgen")[2]
            rows.append((each.submission_id, state, f"{begun:%Y-%m-%d %H:%M:%S}", command))
        return left_aligned(rows) if len(rows) > 1 else "No jobs so far."

    def _last(self, client: JobSubmissionClient) -> str:
        for each in _newest_first(client):
            return str(each.submission_id)
        raise ConfigError(f"The cluster {self.name!r} has no jobs so far.")

    def _refuse_unknown(self, job_id: str, error: Exception) -> None:
        if "does not exist" in str(error):
            raise ConfigError(
                f"The cluster {self.name!r} has no job {job_id!r} (a head that was started again "
                "knows none of the jobs before it)."
            ) from None

    def _connected(self, seconds: float, say: Say) -> JobSubmissionClient:
        """Return a client of the job server, as soon as that answers."""
        deadline = time.monotonic() + seconds
        is_first = True
        while True:
            self.look()
            try:
                return JobSubmissionClient(self.address(), headers=dict(self.headers))
            except LOST as error:
                if time.monotonic() > deadline:
                    raise PairgenError(
                        f"The job server of the cluster {self.name!r} does not answer: "
                        f"{_reason(error)}. If the cluster is gone, start it and submit again."
                    ) from None
                if is_first:
                    say("The job server does not answer; trying again.")
                is_first = False
            time.sleep(SECONDS_BETWEEN_TRIES)


class _Follower:
    """Writes a log that is sent from its begin again after each lost connection."""

    def __init__(self, write: Write) -> None:
        self.write = write
        self.num_written = 0

    async def tail(self, client: JobSubmissionClient, job_id: str) -> None:
        """Write what is new, until the log or the connection ends."""
        num_seen = 0
        async with aclosing(client.tail_job_logs(job_id)) as texts:
            async for text in texts:
                self._write_new(text, num_seen)
                num_seen += len(text)

    def rest(self, log: str) -> None:
        """Write what is new of a whole log."""
        self._write_new(log, 0)

    def _write_new(self, text: str, start: int) -> None:
        new = text[max(self.num_written - start, 0) :]
        if new:
            self.write(new)
            self.num_written = start + len(text)


def _exit_code(details: Any, say: Say) -> int:
    """Return the exit code of a job that has ended; say why, if its log may not tell."""
    status = details.status.value
    code = details.driver_exit_code
    if status == "STOPPED":
        say("The job was stopped.")
        return EXIT_STOPPED
    if code is None:
        if status == "SUCCEEDED":
            return 0
        say(f"Error: the job failed: {_first_line(details.message)}")
        return 1
    if code < 0:
        say(f"Error: the command was ended by signal {-code}. Submit it again to continue.")
    return _shell_code(code)


def _shell_code(code: int) -> int:
    """Return an exit code as a shell tells it: 128 and the number of the signal."""
    return 128 - code if code < 0 else code


def _newest_first(client: JobSubmissionClient) -> Iterable[Any]:
    submitted = [each for each in client.list_jobs() if each.submission_id]
    return sorted(submitted, key=lambda each: -(each.start_time or 0))


def _reason(error: Exception) -> str:
    return _first_line(str(error)).rstrip(".") or type(error).__name__


def _first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return without_secrets(lines[0]) if lines else ""

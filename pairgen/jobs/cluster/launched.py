"""Clusters of Ray's own launcher: clouds, and machines by ssh (`provider: {type: local}`).

`ray up` and `ray down` do the work. The job server of the head is reached through the ssh tunnel
that `ray dashboard` opens, made again when it breaks.

A cluster is protected by the user's own token if the file copies it (`file_mounts`) and sets
`RAY_AUTH_MODE=token` ahead of `ray start`; the packaged ones do.
"""

import atexit
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.ray.token import AUTH_FILE, read_token
from pairgen.jobs.cluster.base import Job, Say, Write, follow_or_leave
from pairgen.jobs.cluster.local.state import free_ports
from pairgen.jobs.cluster.programs import RAY, found, output_of, run
from pairgen.jobs.cluster.ray_jobs import Jobs
from pairgen.wording import command_text

SECONDS_TO_OPEN = 60.0
# `ray start` is protected wherever there is a token, but other commands must be told.
STATUS = f"if [ -e {AUTH_FILE} ]; then export RAY_AUTH_MODE=token; fi; ray status"
# What `ray up` needs beside Ray.
PROGRAMS = ("ssh", "rsync")
# Ray 2.60 by default scales machines given by ssh in a way that takes its own head for lost, and
# never starts a worker.
OLD_SCALING = {"RAY_UP_enable_autoscaler_v2": "0"}


class LaunchedCluster:
    """See `pairgen.jobs.cluster.base.Cluster`.

    Args:
        name: CONFIG as given.
        path: Its file, in the format of Ray's launcher.
        data: What the file holds.
    """

    def __init__(self, name: str, path: Path, data: Mapping[str, Any]) -> None:
        self.name = name
        self.path = path
        self.data = data
        self.tunnel = _Tunnel(path)

    def up(self, say: Say) -> None:
        """Run `ray up`, which starts what is missing.

        Raises:
            ConfigError: A program that it needs is not installed, or the token is elsewhere.
            PairgenError: It failed.
        """
        for program in PROGRAMS:
            found(program)
        if AUTH_FILE in (self.data.get("file_mounts") or {}).values():
            _make_token(self.path)
        by_ssh = self.data["provider"].get("type") == "local"
        run(
            [*RAY, "up", "--yes", str(self.path)],
            env={**(OLD_SCALING if by_ssh else {}), **os.environ},
        )
        submit = command_text("pairgen", "cluster", "submit", self.name, "--")
        say(f"Run commands there: {submit} pairgen ...")

    def show(self, job: Job) -> str:
        """Return the command."""
        return job.line("python")

    def submit(self, job: Job, write: Write, say: Say) -> int:
        """Run a command as a Ray job on the head."""
        jobs = self._jobs()
        return follow_or_leave(jobs.submit(job, "python"), job, jobs.follow, write, say)

    def status(self) -> str:
        """Run `ray status` on the head, and return the jobs."""
        run([*RAY, "exec", str(self.path), STATUS])
        return self._jobs().table()

    def logs(self, job_id: str, follow: bool, write: Write, say: Say) -> int:
        """Write the log of a job."""
        return self._jobs().logs(job_id, follow, write, say)

    def stop(self, job_id: str, say: Say) -> None:
        """End a job."""
        self._jobs().stop(job_id, say)

    def down(self, say: Say) -> None:
        """Run `ray down`."""
        run([*RAY, "down", "--yes", str(self.path)])
        say(f"The cluster {self.name!r} has ended.")

    def _jobs(self) -> Jobs:
        return Jobs(self.name, self.tunnel.address, token=read_token())


def _make_token(config: Path) -> None:
    """Make the user's token if there is none.

    Raises:
        ConfigError: There is one, but elsewhere.
    """
    file = Path(AUTH_FILE).expanduser()
    if not file.is_file():
        output_of([*RAY, "get-auth-token", "--generate"])
    if not file.is_file():
        raise ConfigError(
            f"The file {config} copies the token {AUTH_FILE} to its machines, but yours is in "
            "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH: put it into that file, too."
        )


class _Tunnel:
    """The tunnel of `ray dashboard` to the job server; it ends with this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        atexit.register(self.close)

    def address(self) -> str:
        """Return the URL of the job server; open the tunnel if it is not open.

        Raises:
            ConnectionError: It cannot be opened now.
        """
        url = f"http://127.0.0.1:{self.port}"
        if self.process is not None and self.process.poll() is None and _answers(url):
            return url
        self.close()
        (self.port,) = free_ports(1)
        line = [*RAY, "dashboard", "--port", str(self.port), str(self.path)]
        self.process = subprocess.Popen(  # noqa: S603
            line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        url = f"http://127.0.0.1:{self.port}"
        deadline = time.monotonic() + SECONDS_TO_OPEN
        while not _answers(url):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise ConnectionError("`ray dashboard` opens no tunnel to the head")
            time.sleep(0.5)
        return url

    def close(self) -> None:
        """Close the tunnel."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process = None


def _answers(url: str) -> bool:
    """Return whether an HTTP server answers, be it by a refusal."""
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True

"""What every kind of cluster can do. The verbs of `pairgen cluster` call it, and know no kind."""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pairgen.errors import ConfigError
from pairgen.redaction import without_secrets_in
from pairgen.wording import command_text

# Takes text that a user reads; the second kind writes it as it is, without a line break.
Say = Callable[[str], None]
Write = Callable[[str], None]

EXIT_STOPPED = 130


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command for a cluster.

    Attributes:
        words: The command, without `pairgen`: `("ode", "--model", "sd15")`.
        env: Environment variables that it is given, with their values.
        working_dir: Folder that is copied to the cluster; empty for none.
        detach: Whether to return at once.
    """

    words: tuple[str, ...]
    env: Mapping[str, str]
    working_dir: str
    detach: bool

    def argv(self, python: str) -> list[str]:
        """Return the command as a program and its arguments."""
        return [python, "-m", "pairgen", *self.words]

    def line(self, python: str) -> str:
        """Return the command for a shell."""
        return shlex.join(self.argv(python))


class Cluster(Protocol):
    """A cluster that a config file describes.

    Each method raises ConfigError, with what to run instead, if this kind of cluster has no such
    step, and PairgenError if a program or the cluster fails.
    """

    def up(self, say: Say) -> None:
        """Start the cluster, or what is missing of it."""

    def show(self, job: Job) -> str:
        """Return what `submit` would hand over, without the values of the job's variables."""

    def submit(self, job: Job, write: Write, say: Say) -> int:
        """Run a command on the cluster and follow its log.

        Returns:
            The exit code of the command; 0 for a job that is not waited for.
        """

    def status(self) -> str:
        """Return the state of the cluster and its jobs."""

    def logs(self, job_id: str, follow: bool, write: Write, say: Say) -> int:
        """Write the log of a job, of the last one if the id is empty; to its end with `follow`.

        Returns:
            The exit code of the job if it was followed to its end, else 0.
        """

    def stop(self, job_id: str, say: Say) -> None:
        """End a job; the cluster goes on."""

    def down(self, say: Say) -> None:
        """End the cluster and all that runs on it."""


def follow_or_leave(
    job_id: str, job: Job, follow: Callable[[str, Write, Say], int], write: Write, say: Say
) -> int:
    """Follow a job that was just submitted, or only name it.

    Args:
        job_id: Its id.
        job: What was submitted.
        follow: Follows it to its end; returns the exit code of its command.
        write: Takes the id if the job is not followed, else its log.
        say: Takes messages.

    Returns:
        The exit code of the command; 0 for a job that is not waited for.
    """
    if job.detach:
        write(f"{job_id}\n")
        return 0
    say(f"Job {job_id}")
    return follow(job_id, write, say)


@contextmanager
def only_following(name: str, job_id: str, say: Say) -> Iterator[None]:
    """Say on Ctrl-C that the job goes on, and how to see or end it.

    Args:
        name: CONFIG of the cluster.
        job_id: The job that is followed.
        say: Takes the message.
    """
    try:
        yield
    except KeyboardInterrupt:
        say(
            f"\nThe job goes on. See it: "
            f"{command_text('pairgen', 'cluster', 'logs', name, job_id, '--follow')}; end it: "
            f"{command_text('pairgen', 'cluster', 'stop', name, job_id)}"
        )
        raise


def job_of(command: Sequence[str], *, env: Sequence[str], working_dir: str, detach: bool) -> Job:
    """Return the job of a command line.

    Raises:
        ConfigError: It is no command of pairgen, holds a secret, names a variable that is not set,
            or a folder that is not there.
    """
    if not command or command[0] != "pairgen":
        given = repr(command[0]) if command else "nothing"
        raise ConfigError(f"The command must begin with `pairgen`, such as `pairgen ode`: {given}.")
    for word in command:
        if without_secrets_in(word) != word:
            raise ConfigError(
                f"The command holds a secret in {without_secrets_in(word)!r}, which every process "
                "list would show: put it into an environment variable and name that with --env."
            )
    if missing := [name for name in env if name not in os.environ]:
        raise ConfigError(f"The environment variable {missing[0]!r} of --env is not set.")
    if working_dir and not Path(working_dir).is_dir():
        raise ConfigError(f"There is no folder {working_dir!r} for --working-dir.")
    values = {name: os.environ[name] for name in env}
    return Job(words=tuple(command[1:]), env=values, working_dir=working_dir, detach=detach)

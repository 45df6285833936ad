"""`pairgen cluster` as Python calls: `pairgen.cluster.up("local")`, one function a verb.

A CONFIG is a name under `configs/cluster/` or the path of a YAML file.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairgen.execution.say import log
from pairgen.jobs.cluster.options import SubmitConfig
from pairgen.signature import takes

__all__ = ["down", "logs", "status", "stop", "submit", "up"]


def up(config: str | Path) -> None:
    """Start a cluster, or the missing parts of it.

    Raises:
        ConfigError: There is no such config, or this kind of cluster is not started by itself.
        PairgenError: It did not start.
    """
    _read(config).up(log)


@takes(SubmitConfig)
def submit(config: str | Path, command: Sequence[str], **options: Any) -> int:
    """Run a command on a cluster, with its log on standard output.

    Args:
        config: The cluster.
        command: The command and its arguments, `["pairgen", "ode", ...]`.
        **options: Options with the names of the flags of `pairgen cluster submit`.

    Returns:
        The exit code of the command; 0 with `detach`, which prints the id of the job instead.

    Raises:
        ConfigError: There is no such config, or an option is wrong; nothing was submitted.
        PairgenError: The cluster does not answer.
    """
    from pairgen.jobs.cluster.base import job_of

    asked = SubmitConfig(**options)
    job = job_of(command, env=asked.env, working_dir=asked.working_dir, detach=asked.detach)
    cluster = _read(config)
    if asked.show:
        _write(cluster.show(job).rstrip() + "\n")
        return 0
    return cluster.submit(job, _write, log)


def status(config: str | Path) -> str:
    """Return the state of a cluster and of its jobs as text.

    Raises:
        ConfigError: There is no such config, or the cluster does not run.
        PairgenError: The cluster does not answer.
    """
    return _read(config).status()


def logs(config: str | Path, job: str = "", *, follow: bool = False) -> int:
    """Write the log of a job, by default of the last one, to standard output.

    Returns:
        The exit code of the job if it was followed to its end, else 0.

    Raises:
        ConfigError: There is no such config or job.
        PairgenError: The cluster does not answer.
    """
    return _read(config).logs(job, follow, _write, log)


def stop(config: str | Path, job: str) -> None:
    """Stop a job; the cluster keeps running.

    Raises:
        ConfigError: There is no such config or job.
        PairgenError: The cluster does not answer.
    """
    _read(config).stop(job, log)


def down(config: str | Path) -> None:
    """Shut down a cluster and everything that runs on it.

    Raises:
        ConfigError: There is no such config.
        PairgenError: Something of it cannot be ended.
    """
    _read(config).down(log)


def _read(config: str | Path) -> Any:
    from pairgen.jobs.cluster.config_file import read_cluster

    return read_cluster(config)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()

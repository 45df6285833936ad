"""`pairgen cluster`: a group of verbs, each with a CONFIG."""

import sys
from collections.abc import Callable
from typing import Any

import click

from pairgen.cli.flags import options_of
from pairgen.cli.help import Commands, GroupedCommand, argument, option
from pairgen.cli.options import echo, given
from pairgen.cli.result import EXIT_INTERRUPTED
from pairgen.jobs import cluster as calls
from pairgen.jobs.cluster.options import SubmitConfig

config_argument = argument("config", metavar="CONFIG")


@click.group(cls=Commands)
def cluster() -> None:
    """Start clusters and run commands on them: up, submit, status, logs, stop, down.

    CONFIG is a YAML file, or the name of a packaged one: local (Ray nodes on this machine), hosts
    (machines by ssh), aws, gcp, kuberay, slurm. Before you use one for a cloud, copy and edit it.

    \b
    Examples:
        pairgen cluster up local
        pairgen cluster submit local -- pairgen ode --model tiny --out pairs
        pairgen cluster down local
    """  # noqa: D301


@cluster.command(cls=GroupedCommand)
@config_argument
def up(config: str) -> None:
    """Start a cluster, or the missing parts of it."""
    calls.up(config)


@cluster.command(cls=GroupedCommand)
@config_argument
@argument("command", nargs=-1, required=True, metavar="-- pairgen COMMAND ...")
@options_of(SubmitConfig)
def submit(config: str, command: tuple[str, ...], **options: Any) -> None:
    """Run a command on a cluster, follow its log, and exit with its code.

    The command runs on the head node and finds the cluster by itself. Ctrl-C only stops following
    the log: the command keeps running, and `pairgen cluster logs --follow` follows it again.

    \b
    Examples:
        pairgen cluster submit local -- pairgen ode --model tiny --out pairs
        pairgen cluster submit aws.yaml --env HF_TOKEN -- pairgen ode --out s3://bucket/pairs
    """  # noqa: D301
    _exit_with(lambda: calls.submit(config, command, **given(options)))


@cluster.command(cls=GroupedCommand)
@config_argument
def status(config: str) -> None:
    """Show the nodes of a cluster and its jobs."""
    echo(calls.status(config))


@cluster.command(cls=GroupedCommand)
@config_argument
@argument("job", default="", metavar="[JOB]")
@option(
    "--follow",
    "-f",
    group="Job",
    is_flag=True,
    help="Follow the job to its end, and exit with its code.",
)
def logs(config: str, job: str, follow: bool) -> None:
    """Print the log of a job, by default of the last one."""
    _exit_with(lambda: calls.logs(config, job, follow=follow))


@cluster.command(cls=GroupedCommand)
@config_argument
@argument("job", metavar="JOB")
def stop(config: str, job: str) -> None:
    """Stop a job; the cluster keeps running."""
    calls.stop(config, job)


@cluster.command(cls=GroupedCommand)
@config_argument
def down(config: str) -> None:
    """Shut down a cluster and everything that runs on it."""
    calls.down(config)


def _exit_with(follow: Callable[[], int]) -> None:
    """Exit with the code of a job; by Ctrl-C the job goes on, and what to do was said."""
    try:
        sys.exit(follow())
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)

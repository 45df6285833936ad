"""Options that commands share, and how an option that was not given is told from one that was."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were typed: a flag's default is None, so nothing is guessed."""
    return {name: value for name, value in options.items() if value is not None}


def pin_threads(num_threads: Any) -> None:
    """Set OpenMP's threads before torch and OpenCV are imported, unless the user has."""
    os.environ.setdefault("OMP_NUM_THREADS", str(num_threads))


def config_options(command: Command) -> Command:
    """Add --config and --set."""
    command = click.option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        help="Override one option of the config file; repeatable.",
    )(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="YAML file with the options by name. Default: ./pairgen.yaml if there is one.",
    )(command)


def executor_options(command: Command) -> Command:
    """Add what says where tasks run."""
    for decorate in reversed(
        (
            click.option(
                "--executor",
                metavar="auto|serial|ray",
                help="Where to run; auto is ray "
                "if RAY_ADDRESS is set or several GPUs are seen, else serial.",
            ),
            click.option(
                "--num-workers",
                type=int,
                metavar="N",
                help="Ray actors; as many as the cluster has room for unless told.",
            ),
            click.option(
                "--gpus-per-worker",
                type=float,
                metavar="G",
                help="GPUs an actor takes, where there are any. [1]",
            ),
            click.option(
                "--address",
                metavar="ADDRESS",
                help="Running Ray cluster: auto, HOST:PORT or ray://HOST:PORT.",
            ),
        )
    ):
        command = decorate(command)
    return command

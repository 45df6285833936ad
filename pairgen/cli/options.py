"""Flags that are no option of a job, and which flags were typed."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from pairgen.cli.help import option
from pairgen.redaction import without_secrets

Command = TypeVar("Command", bound=Callable[..., Any])


def say(message: str) -> None:
    """Tell the user how a command goes on; what it gives goes to standard output."""
    click.echo(without_secrets(message), err=True)


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were typed: a flag's default is None, so nothing is guessed.

    An option that can be repeated is an empty tuple when it was not.
    """
    return {name: value for name, value in options.items() if value is not None and value != ()}


def pin_threads(num_threads: Any) -> None:
    """Set OpenMP's threads before torch and OpenCV are imported, unless the user has."""
    os.environ.setdefault("OMP_NUM_THREADS", str(num_threads))


def trust_option(command: Command) -> Command:
    """Add --trust-code."""
    return option(
        "--trust-code",
        is_flag=True,
        default=None,
        help="Allow datasets, runs and model folders to import their own Python modules.",
    )(command)


def config_options(command: Command) -> Command:
    """Add --config and --set."""
    command = option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        help="Set any option by name; overrides the config file. Repeatable.",
    )(command)
    return option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="YAML file with options. [./pairgen.yaml if it exists]",
    )(command)

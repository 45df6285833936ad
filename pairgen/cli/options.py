"""Flags that are not job options, and which flags the user gave."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from pairgen.cli.help import option
from pairgen.cli.messages import logger
from pairgen.execution.say import log
from pairgen.visible import visible

Command = TypeVar("Command", bound=Callable[..., Any])


def say(message: str) -> None:
    """Tell a message about what happens; results go to standard output."""
    log(message)


def complain(message: str, **fields: Any) -> None:
    """Tell an error.

    Args:
        message: The error.
        **fields: What `--log-json` tells of it too.
    """
    logger.error("%s", message, extra={"event": "error", "fields": fields})


def echo(message: str) -> None:
    """Print a result: what it quotes of others is shown, and never obeyed by a terminal."""
    click.echo(visible(message))


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the user gave.

    A flag that was left out is None, or an empty tuple if it is repeatable.
    """
    return {name: value for name, value in options.items() if value is not None and value != ()}


def pin_threads(num_threads: Any) -> None:
    """Set OpenMP's thread count, unless it is set, before torch and OpenCV are imported."""
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

"""Options that commands share, and how an option that was not given is told from one that was."""

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


def setting_options(command: Command) -> Command:
    """Add the setting of the sampler: what `pairgen calibrate` compares."""
    for decorate in reversed(
        (
            option(
                "--steps",
                group="Sampling",
                type=int,
                metavar="N",
                help="Number of solver steps. [50]",
            ),
            option(
                "--solver",
                group="Sampling",
                metavar="ddim|dpmpp_2m|heun",
                help="ODE solver. [ddim]",
            ),
            option(
                "--spacing",
                group="Sampling",
                metavar="RULE|T[,T...]",
                help="Timestep spacing: leading, trailing, linspace, logsnr or uniform; or the "
                "timesteps themselves. [trailing]",
            ),
            option(
                "--dtype",
                group="Compute",
                metavar="float32|float16|bfloat16",
                help="Precision of the network; the ODE state stays in float32. [the model's]",
            ),
        )
    ):
        command = decorate(command)
    return command


def sampler_options(command: Command) -> Command:
    """Add what decides a sample beside model, prompt, guidance and setting, and its batches."""
    for decorate in reversed(
        (
            option(
                "--end",
                group="Sampling",
                metavar="t0|clean",
                help="End of the ODE: the last timestep, or sigma 0. [t0]",
            ),
            option(
                "--negative-prompt",
                group="Model",
                metavar="TEXT",
                help="Negative prompt for classifier-free guidance. ['']",
            ),
            option(
                "--revision",
                group="Model",
                metavar="REV",
                help="Branch, tag or commit of the hub model.",
            ),
            option(
                "--seed",
                group="Sampling",
                type=int,
                metavar="S",
                help="Random seed of the noise. [0]",
            ),
            option(
                "--batch-size",
                group="Compute",
                type=int,
                metavar="B",
                help="Samples per batch. [the model's default]",
            ),
            option(
                "--cpu-threads",
                group="Compute",
                type=int,
                metavar="N",
                help="CPU threads of each worker. [1]",
            ),
        )
    ):
        command = decorate(command)
    return command


def prompt_files_option(command: Command) -> Command:
    """Add where prompts come from."""
    return option(
        "--prompts",
        group="Prompts",
        multiple=True,
        metavar="FILE|GLOB|DIR|-",
        help="Prompts to use: txt, jsonl, csv or tsv (also .gz), Parquet, WebDataset tars, a "
        "pairgen dataset or a saved hub dataset; - reads standard input. Repeatable.",
    )(command)


def prompt_options(command: Command) -> Command:
    """Add what chooses among the prompts of files."""
    for decorate in reversed(
        (
            option(
                "--column",
                group="Prompts",
                metavar="NAME",
                help="Column of the prompts; of tars a member or a key of json. [prompt, text, "
                "caption or txt, or the only one]",
            ),
            option(
                "--dedupe",
                group="Prompts",
                is_flag=True,
                default=None,
                help="Drop duplicate prompts.",
            ),
            option(
                "--shuffle",
                group="Prompts",
                is_flag=True,
                default=None,
                help="Shuffle the prompts; --seed sets the order.",
            ),
            option(
                "--limit",
                group="Prompts",
                type=int,
                metavar="N",
                help="Keep at most N prompts, after --dedupe and --shuffle. [all]",
            ),
        )
    ):
        command = decorate(command)
    return command


def executor_options(command: Command) -> Command:
    """Add what says where shards are made."""
    gpus = option(
        "--gpus-per-worker",
        group="Workers",
        type=float,
        metavar="G",
        help="GPUs per Ray actor. [1; 0 for degrade on the CPU]",
    )
    return _worker_options("RAY_ADDRESS is set or several GPUs are seen", gpus(command))


def check_options(command: Command) -> Command:
    """Add what says where shards are read: GPUs do not matter there."""
    return _worker_options("RAY_ADDRESS is set or --address given", command)


def _worker_options(auto_is_ray_if: str, command: Command) -> Command:
    for decorate in reversed(
        (
            option(
                "--executor",
                group="Workers",
                metavar="auto|serial|ray",
                help=f"Where to run. auto: ray if {auto_is_ray_if}, else serial. [auto]",
            ),
            option(
                "--num-workers",
                group="Workers",
                type=int,
                metavar="N",
                help="Number of Ray actors. [as many as fit into the cluster]",
            ),
            option(
                "--address",
                group="Workers",
                metavar="ADDRESS",
                help="Address of a running Ray cluster: auto, HOST:PORT or ray://HOST:PORT.",
            ),
        )
    ):
        command = decorate(command)
    return command

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


def usable_cores() -> int:
    """Return the number of cores that this process may use, which may be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def sampler_options(command: Command) -> Command:
    """Add what decides a sample beside model, prompt and guidance, and how it is computed."""
    for decorate in reversed(
        (
            click.option("--steps", type=int, metavar="N", help="Steps of the solver. [50]"),
            click.option("--solver", metavar="ddim|dpmpp_2m|heun", help="Step rule. [ddim]"),
            click.option(
                "--spacing",
                metavar="RULE|T[,T...]",
                help="How times are laid out: leading, trailing, linspace, logsnr, uniform, or the "
                "times themselves. [trailing]",
            ),
            click.option("--end", metavar="t0|clean", help="Where the ODE ends. [t0]"),
            click.option(
                "--negative-prompt", metavar="TEXT", help="What guidance leads away from. ['']"
            ),
            click.option("--revision", metavar="REV", help="Branch, tag or commit of a hub id."),
            click.option("--seed", type=int, metavar="S", help="Seed of the noises. [0]"),
            click.option("--batch-size", type=int, metavar="B", help="[the model's number]"),
            click.option(
                "--dtype",
                metavar="float32|float16|bfloat16",
                help="Of the network; state and update are float32. [the model's]",
            ),
            click.option("--cpu-threads", type=int, metavar="N", help="Threads of a worker. [1]"),
        )
    ):
        command = decorate(command)
    return command


def prompt_options(command: Command) -> Command:
    """Add what chooses among the prompts of files."""
    for decorate in reversed(
        (
            click.option(
                "--column",
                metavar="NAME",
                help="Column of the prompts; of tars a member or a key of json. [prompt, text, "
                "caption or txt, or the only one]",
            ),
            click.option(
                "--dedupe",
                is_flag=True,
                default=None,
                help="Keep only the first of equal prompts.",
            ),
            click.option(
                "--shuffle",
                is_flag=True,
                default=None,
                help="Put the prompts in an order that --seed draws.",
            ),
            click.option(
                "--limit",
                type=int,
                metavar="N",
                help="Keep N prompts at most, after the two above. [all]",
            ),
        )
    ):
        command = decorate(command)
    return command


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
                help="GPUs an actor takes, where there are any. [1; degrade on the CPU: 0]",
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

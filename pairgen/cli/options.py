"""Options that commands share, and how an option that was not given is told from one that was."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

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
    return click.option(
        "--trust-code",
        is_flag=True,
        default=None,
        help="Import modules outside pairgen that a set, run or model folder names.",
    )(command)


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


class Percentage(click.ParamType):
    """A share below 100%, typed with its sign so that 5 is not taken for 0.05."""

    name = "percentage"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the share, in [0, 1)."""
        try:
            share = float(str(value).removesuffix("%")) / 100
        except ValueError:
            share = -1.0
        if not str(value).endswith("%") or not 0 <= share < 1:
            self.fail(f"{value!r} is no percentage from 0% to below 100%, such as 5%.", param, ctx)
        return share


def _only_in_dry_run(context: click.Context, option: click.Parameter, value: Any) -> Any:
    if value is not None and context.params.get("dry_run") is None:
        raise click.UsageError(f"{option.opts[0]} is a question to --dry-run: give that too.")
    if isinstance(value, float) and not math.isfinite(value):
        raise click.UsageError(f"{option.opts[0]} must be a finite number, got {value}.")
    return value


def dry_run_options(command: Command) -> Command:
    """Add --dry-run and what its sheet can be asked for."""
    for decorate in reversed(
        (
            click.option(
                "--dry-run",
                is_flag=False,
                flag_value=64,
                type=int,
                metavar="[N]",
                # Seen before the options that need it.
                is_eager=True,
                help="Make N samples in memory, tell what all would cost, write nothing. [64]",
            ),
            click.option(
                "--price-per-gpu-hour",
                type=click.FloatRange(min=0),
                metavar="P",
                callback=_only_in_dry_run,
                help="With --dry-run: price of an hour of what a worker runs on.",
            ),
            click.option(
                "--preemptions",
                type=Percentage(),
                metavar="P%",
                callback=_only_in_dry_run,
                help="With --dry-run: chance of each worker to be lost within an hour, such as 5%.",
            ),
        )
    ):
        command = decorate(command)
    return command


def setting_options(command: Command) -> Command:
    """Add the setting of the sampler: what `pairgen calibrate` compares."""
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
            click.option(
                "--dtype",
                metavar="float32|float16|bfloat16",
                help="Of the network; state and update are float32. [the model's]",
            ),
        )
    ):
        command = decorate(command)
    return command


def sampler_options(command: Command) -> Command:
    """Add what decides a sample beside model, prompt, guidance and setting, and its batches."""
    for decorate in reversed(
        (
            click.option("--end", metavar="t0|clean", help="Where the ODE ends. [t0]"),
            click.option(
                "--negative-prompt", metavar="TEXT", help="What guidance leads away from. ['']"
            ),
            click.option("--revision", metavar="REV", help="Branch, tag or commit of a hub id."),
            click.option("--seed", type=int, metavar="S", help="Seed of the noises. [0]"),
            click.option("--batch-size", type=int, metavar="B", help="[the model's number]"),
            click.option("--cpu-threads", type=int, metavar="N", help="Threads of torch. [1]"),
        )
    ):
        command = decorate(command)
    return command


def prompt_files_option(command: Command) -> Command:
    """Add where prompts come from."""
    return click.option(
        "--prompts",
        multiple=True,
        metavar="FILE|GLOB|DIR|-",
        help="txt, jsonl, csv, tsv (.gz too), parquet, WebDataset tars, a pairgen set, a saved hub "
        "dataset; - reads lines from standard input; repeatable.",
    )(command)


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
    """Add what says where shards are made."""
    gpus = click.option(
        "--gpus-per-worker",
        type=float,
        metavar="G",
        help="GPUs an actor takes, where there are any. [1; degrade on the CPU: 0]",
    )
    return _worker_options("RAY_ADDRESS is set or several GPUs are seen", gpus(command))


def check_options(command: Command) -> Command:
    """Add what says where shards are read: GPUs do not matter there."""
    return _worker_options("RAY_ADDRESS is set or --address given", command)


def _worker_options(auto_is_ray_if: str, command: Command) -> Command:
    for decorate in reversed(
        (
            click.option(
                "--executor",
                metavar="auto|serial|ray",
                help=f"Where to run; auto is ray if {auto_is_ray_if}, else serial.",
            ),
            click.option(
                "--num-workers",
                type=int,
                metavar="N",
                help="Ray actors; as many as the cluster has room for unless told.",
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

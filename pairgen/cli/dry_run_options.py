"""Options of a dry run."""

import math
from typing import Any

import click

from pairgen.cli.help import Command, option


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
            option(
                "--dry-run",
                group="Estimate",
                is_flag=False,
                flag_value=64,
                type=int,
                metavar="[N]",
                # Seen before the options that need it.
                is_eager=True,
                help="Make N samples in memory, estimate the cost of the whole run, write "
                "nothing. [64]",
            ),
            option(
                "--price-per-gpu-hour",
                group="Estimate",
                type=click.FloatRange(min=0),
                metavar="P",
                callback=_only_in_dry_run,
                help="With --dry-run: price per hour of the device that a worker runs on.",
            ),
            option(
                "--preemptions",
                group="Estimate",
                type=Percentage(),
                metavar="P%",
                callback=_only_in_dry_run,
                help="With --dry-run: probability that a worker is preempted within an hour, "
                "such as 5%.",
            ),
        )
    ):
        command = decorate(command)
    return command

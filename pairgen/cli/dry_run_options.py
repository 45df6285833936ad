"""Options of a dry run, and what they change."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import click

from pairgen.cli.help import Command, option
from pairgen.cli.options import echo, say
from pairgen.cli.result import print_results
from pairgen.execution.forecast.sheet import cost_sheet


class Percentage(click.ParamType):
    """A percentage below 100%; the sign is required, so that 5% and 0.05 are not confused."""

    name = "percentage"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the percentage as a share in [0, 1)."""
        try:
            share = float(str(value).removesuffix("%")) / 100
        except ValueError:
            share = -1.0
        if not str(value).endswith("%") or not 0 <= share < 1:
            self.fail(
                f"{value!r} is not a percentage in [0%, 100%): give one such as 5%.", param, ctx
            )
        return share


def _only_in_dry_run(context: click.Context, option: click.Parameter, value: Any) -> Any:
    if value is not None and context.params.get("dry_run") is None:
        raise click.UsageError(f"{option.opts[0]} works only with --dry-run: add --dry-run.")
    if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
        raise click.UsageError(f"{option.opts[0]} must be 0 or more, got {value}.")
    return value


def dry_run_options(command: Command) -> Command:
    """Add --dry-run and the options of its cost sheet."""
    for decorate in reversed(
        (
            option(
                "--dry-run",
                group="Estimate",
                is_flag=False,
                flag_value=64,
                type=int,
                metavar="[N]",
                # Parsed before the options that need it.
                is_eager=True,
                help="Make N samples in memory, estimate the cost of the whole run, write "
                "nothing. [64]",
            ),
            option(
                "--price-per-gpu-hour",
                group="Estimate",
                type=float,
                metavar="P",
                callback=_only_in_dry_run,
                help="With --dry-run: hourly price of the device that a worker runs on.",
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


def run_or_price(
    run: Callable[..., Any],
    run_dry: Callable[..., Any],
    options: Mapping[str, Any],
    dry_run: int | None,
    price_per_gpu_hour: float | None,
    preemptions: float | None,
) -> None:
    """Make one or several datasets and print a summary of each, or only what each would cost.

    Args:
        run: Makes the datasets: returns one result, or a list.
        run_dry: Tries some samples of them: returns as many.
        options: The command's options.
        dry_run: Number of samples to try; None to make the dataset.
        price_per_gpu_hour: Price of a GPU for an hour; None for none.
        preemptions: Share of the workers that are lost; None for none.
    """
    if dry_run is None:
        print_results(_listed(run(options, say)))
        return
    costs = _listed(run_dry(options, dry_run, say))
    sheets = (cost_sheet(each, price_per_gpu_hour, preemptions) for each in costs)
    echo("\n\n".join(sheets))


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]

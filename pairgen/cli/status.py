"""`pairgen status`."""

import json
import sys
from typing import Any

import click

from pairgen.cli.flags import options_of
from pairgen.cli.help import argument, command, option
from pairgen.cli.options import echo, given
from pairgen.jobs.status.options import StatusConfig


def _checked(_: click.Context, option: click.Parameter, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise click.UsageError(f"{option.opts[0]} must be 1 or more, got {value}.")
    return value


@command()
@argument("folder", metavar="DIR|URL")
@options_of(StatusConfig)
@option(
    "--watch",
    group="What is shown",
    is_flag=False,
    flag_value=10,
    type=int,
    metavar="[SECONDS]",
    callback=_checked,
    help="Show the status again every SECONDS until the dataset is complete. [10]",
)
@option("--json", "as_json", group="What is shown", is_flag=True, help="Print JSON.")
def status(folder: str, watch: int | None, as_json: bool, **options: Any) -> None:
    """Show the progress of a dataset: samples done, rate, ETA, workers, failures and cost.

    Reads only the receipts in the folder, so it runs on any machine. A worker is silent if it
    should have finished another shard by now.

    \b
    Examples:
        pairgen status data/pairs
        pairgen status s3://bucket/pairs --watch --price-per-gpu-hour 2.5
    """  # noqa: D301
    from pairgen.jobs.status.facts import status_text
    from pairgen.jobs.status.run import watch_status

    for found in watch_status(folder, float(watch or 0), **given(options)):
        text = json.dumps(found.data, ensure_ascii=False) if as_json else status_text(found.data)
        if watch and not as_json and sys.stdout.isatty():
            click.clear()
        echo(text if watch is None or as_json else f"{text}\n")
        if watch is None:
            return

"""`pairgen repair`."""

from typing import Any

import click

from pairgen.cli.ode import print_result
from pairgen.cli.options import executor_options, given, pin_threads


@click.command()
@click.argument("folder", metavar="DIR|URL")
@click.option("--batch-size", type=int, metavar="B", help="[the folder's number]")
@executor_options
def repair(folder: str, **options: Any) -> None:
    """Make bad and missing shards again; good shards keep their bytes."""
    pin_threads(1)
    from pairgen.api import run_repair

    def say(message: str) -> None:
        click.echo(message, err=True)

    print_result(run_repair(folder, given(options), say))

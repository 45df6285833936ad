"""`pairgen repair`."""

from typing import Any

import click

from pairgen.cli.ode import print_result
from pairgen.cli.options import executor_options, given, pin_threads, say, trust_option


@click.command()
@click.argument("folder", metavar="DIR|URL")
@click.option("--batch-size", type=int, metavar="B", help="[the folder's number]")
@executor_options
@trust_option
def repair(folder: str, **options: Any) -> None:
    """Make bad and missing shards again; good shards keep their bytes."""
    pin_threads(1)
    from pairgen.jobs.repair.run import run_repair

    print_result(run_repair(folder, given(options), say))

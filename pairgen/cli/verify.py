"""`pairgen verify`."""

import sys
from typing import Any

import click

from pairgen.cli.options import check_options, given
from pairgen.cli.result import EXIT_INTERRUPTED

EXIT_NOT_CLEAN = 1


@click.command()
@click.argument("folder", metavar="DIR|URL")
@click.option("--quick", is_flag=True, default=None, help="Receipts, names and sizes only.")
@click.option("--fraction", type=float, metavar="F", help="Share of the shards that are read. [1]")
@click.option("--seed", type=int, metavar="S", help="Decides which shards --fraction takes. [0]")
@click.option(
    "--where",
    metavar="EXPR",
    help="Check only samples with, such as 'guidance_scale == 8', and read only their shards.",
)
@check_options
def verify(folder: str, **options: Any) -> None:
    """Check a dataset: shards against receipts, samples, index, and the noise.

    Exit code 0 when it is clean as far as it was read, 1 with a table of what is wrong and where.

    \b
    Examples:
        pairgen verify pairs --quick
        pairgen verify pairs --fraction 0.01 --seed 3
        pairgen verify pairs --where "guidance_scale == 8" --executor ray --num-workers 8
    """  # noqa: D301
    from pairgen.jobs.verify import verify as verify_folder

    report = verify_folder(folder, **given(options))
    click.echo(report.table())
    if report.interrupted:
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(0 if report.clean else EXIT_NOT_CLEAN)

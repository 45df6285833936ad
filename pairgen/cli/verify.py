"""`pairgen verify`."""

import sys
from typing import Any

import click

from pairgen.cli.help import command, option
from pairgen.cli.options import check_options, given
from pairgen.cli.result import EXIT_INTERRUPTED

EXIT_NOT_CLEAN = 1


@command()
@click.argument("folder", metavar="DIR|URL")
@option(
    "--quick",
    group="What is measured",
    is_flag=True,
    default=None,
    help="Check only receipts, names and sizes.",
)
@option(
    "--fraction",
    group="What is measured",
    type=float,
    metavar="F",
    help="Share of the shards to read. [1]",
)
@option(
    "--seed",
    group="What is measured",
    type=int,
    metavar="S",
    help="Random seed of the shards that --fraction picks. [0]",
)
@option(
    "--where",
    group="What is measured",
    metavar="EXPR",
    help="Check only samples that match, such as 'guidance_scale == 8'.",
)
@check_options
def verify(folder: str, **options: Any) -> None:
    """Check a dataset: shards, samples, index and noise.

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

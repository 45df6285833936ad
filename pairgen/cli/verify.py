"""`pairgen verify`."""

import sys

import click

EXIT_NOT_CLEAN = 1


@click.command()
@click.argument("folder", metavar="DIR|URL")
def verify(folder: str) -> None:
    """Check a dataset: shards against receipts, samples, index, and the noise.

    Exit code 0 when it is clean, 1 with a table of what is wrong and where.
    """
    from pairgen.api import verify as verify_folder

    report = verify_folder(folder)
    click.echo(report.table())
    sys.exit(0 if report.clean else EXIT_NOT_CLEAN)

"""`pairgen replay`."""

import sys

import click

from pairgen.cli.options import pin_threads


@click.command()
@click.argument("folder", metavar="DIR|URL")
@click.argument("key")
def replay(folder: str, key: str) -> None:
    """Make sample KEY of a degraded set again and compare it with what is stored.

    Exit code 0 when every byte is equal, 1 when not; then the recorded facts and members that
    differ are named, and the software and the device that are others. What was made in a batch is
    made again in the same one.
    """
    pin_threads(1)
    from pairgen.api import run_replay

    result = run_replay(folder, key)
    for line in result.software:
        click.echo(f"software  {line}")
    for line in result.differences:
        click.echo(f"differs   {line}")
    if result.differences:
        click.echo(f"Sample {result.key} is not what its plan and source give.")
        sys.exit(1)
    click.echo(f"Sample {result.key} is equal in every byte ({result.seconds:.1f} s).")

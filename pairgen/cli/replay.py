"""`pairgen replay`."""

import sys
from typing import Any

import click

from pairgen.cli.help import command
from pairgen.cli.options import pin_threads, trust_option


@command()
@click.argument("folder", metavar="DIR|URL")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@trust_option
def replay(folder: str, keys: tuple[str, ...], trust_code: bool | None) -> None:
    """Remake samples and compare them with what is stored.

    Each is made in the batch that it was in, in the way that its shard's receipt says. Exit code 0
    when every byte is equal, 1 when not; then the recorded facts and members that differ are named,
    with the size of the difference, and the software and the device that are others.

    \b
    Examples:
        pairgen replay data/pairs 0
        pairgen replay data/pairs 0 17 1024
    """  # noqa: D301
    pin_threads(1)
    from pairgen.jobs.replay.run import run_replays

    num_equal, num_replayed, seconds = 0, 0, 0.0
    told: tuple[str, ...] = ()
    for result in run_replays(folder, keys, bool(trust_code)):
        # Those of one shard have the same; it is told once.
        for line in result.software if result.software != told else ():
            click.echo(f"software  {line}")
        told = result.software
        num_replayed += 1
        seconds += result.seconds
        if not result.differences:
            num_equal += 1
            click.echo(f"Sample {result.key} is equal in every byte ({result.seconds:.1f} s).")
            continue
        for line in result.differences:
            click.echo(f"differs   {line}")
        if result.equal:
            click.echo(f"equal     {', '.join(result.equal)}")
        click.echo(f"Sample {result.key} is not what its plan and source give{_why(result)}.")
    if num_replayed > 1:
        click.echo(f"{num_equal:,} of {num_replayed:,} are equal in every byte ({seconds:.1f} s).")
    sys.exit(0 if num_equal == num_replayed else 1)


def _why(result: Any) -> str:
    """Say whether other software or another device may be why, when arrays differ."""
    if not result.distances:
        return ""
    if result.software:
        return "; the software or device named above is another, which may be why"
    return "; software and device are those of its receipt"

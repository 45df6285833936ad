"""`pairgen replay`."""

import sys
from typing import Any

from pairgen.cli.help import argument, command
from pairgen.cli.options import echo, pin_threads, trust_option


@command()
@argument("folder", metavar="DIR|URL")
@argument("keys", metavar="KEY...", nargs=-1, required=True)
@trust_option
def replay(folder: str, keys: tuple[str, ...], trust_code: bool | None) -> None:
    """Remake samples and compare them with the stored ones.

    Each sample is remade in its original batch, as its shard's receipt records. The exit code is 0
    if every byte is equal, else 1; the output then lists the facts and members that differ, the
    size of each difference, and any change of software or device.

    \b
    Examples:
        pairgen replay data/pairs 0
        pairgen replay data/pairs 0 17 1024
    """  # noqa: D301
    pin_threads(1)
    from pairgen.jobs.replay.run import run_replays

    num_equal, num_replayed, seconds = 0, 0, 0.0
    shown: tuple[str, ...] = ()
    for result in run_replays(folder, keys, bool(trust_code)):
        # All samples of a shard have the same lines: print them once.
        for line in result.software if result.software != shown else ():
            echo(f"software  {line}")
        shown = result.software
        num_replayed += 1
        seconds += result.seconds
        if not result.differences:
            num_equal += 1
            echo(f"Sample {result.key} is equal in every byte ({result.seconds:.1f} s).")
            continue
        for line in result.differences:
            echo(f"differs   {line}")
        if result.equal:
            echo(f"equal     {', '.join(result.equal)}")
        echo(f"Sample {result.key} differs from what its plan and source give{_why(result)}.")
    if num_replayed > 1:
        echo(f"{num_equal:,} of {num_replayed:,} are equal in every byte ({seconds:.1f} s).")
    sys.exit(0 if num_equal == num_replayed else 1)


def _why(result: Any) -> str:
    """Return whether a change of software or device may explain arrays that differ."""
    if not result.distances:
        return ""
    if result.software:
        return "; the change of software or device listed above may be the cause"
    return "; software and device match its receipt"

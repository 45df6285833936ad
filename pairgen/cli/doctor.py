"""`pairgen doctor`."""

import dataclasses
import json
import sys

from pairgen.cli.help import command, option
from pairgen.cli.options import complain, echo

# Does not import torch, which may be what is broken.
from pairgen.jobs.doctor.examination import examine, works


@command()
@option(
    "--deep",
    group="What is checked",
    is_flag=True,
    help="Also start Ray, and make and verify two pairs.",
)
@option("--json", "as_json", group="What is shown", is_flag=True, help="Print JSON.")
def doctor(deep: bool, as_json: bool) -> None:
    """Check your setup, and show how to fix what does not work.

    Prints one line per check: ok, missing (pairgen works without it) or broken. The exit code is 1
    if pairgen cannot work, else 0. One request goes to the model hub, none with HF_HUB_OFFLINE=1;
    nothing else leaves the machine.

    \b
    Examples:
        pairgen doctor
        pairgen doctor --deep
    """  # noqa: D301
    found = []
    for check in examine(deep):
        found.append(check)
        if not as_json:
            echo(f"{check.status:7}  {check.name:22}  {check.found}")
            if check.remedy:
                echo(f"{'':33}-> {check.remedy}")
    if as_json:
        echo(json.dumps([dataclasses.asdict(check) for check in found], indent=1))
    if not works(found):
        complain("pairgen cannot work here until you fix what is broken.")
        sys.exit(1)

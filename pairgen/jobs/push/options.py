"""The options of `pairgen push`."""

from typing import Annotated

from pairgen.options import Option, Options
from pairgen.rules import Switch, Text


class PushConfig(Options):
    """Every option of `pairgen push`, checked."""

    command = "pairgen push"

    public: Annotated[
        bool,
        Switch(),
        Option(
            "Make a new repository public. One that exists stays as it is.",
            "Output",
            default="private",
        ),
    ] = False
    license: Annotated[
        str,
        Text("leave it out to name no license"),
        Option(
            "License of what is pushed, as the hub names it, such as cc-by-4.0, for its card.",
            "Output",
            metavar="ID",
        ),
    ] = ""
    unfinished: Annotated[
        bool, Switch(), Option("Push the finished shards of a dataset that lacks others.", "Output")
    ] = False
    quick: Annotated[
        bool,
        Switch(),
        Option(
            "Check only receipts, names and sizes first, as `pairgen verify --quick` does.",
            "What is checked",
        ),
    ] = False
    dry_run: Annotated[
        bool,
        Switch(),
        Option("List what would be sent and removed, and send nothing.", "Output"),
    ] = False

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
            "Make a new repository public; an existing one stays as it is.",
            "Output",
            default="private",
        ),
    ] = False
    license: Annotated[
        str,
        Text("leave it out to name no license"),
        Option(
            "License to name in the card, by its hub id, such as cc-by-4.0.",
            "Output",
            metavar="ID",
        ),
    ] = ""
    unfinished: Annotated[
        bool, Switch(), Option("Push the finished shards of an unfinished dataset.", "Output")
    ] = False
    quick: Annotated[
        bool,
        Switch(),
        Option(
            "Check only receipts, names and sizes before the push, as `pairgen verify --quick` "
            "does.",
            "What is checked",
        ),
    ] = False
    dry_run: Annotated[
        bool,
        Switch(),
        Option("List what would be sent and removed, and send nothing.", "Output"),
    ] = False

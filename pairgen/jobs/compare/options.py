"""The options of `pairgen compare`."""

from typing import Annotated

from pairgen.judging.options import JudgeOptions
from pairgen.list_rules import Places
from pairgen.options import Option
from pairgen.rules import Place


class CompareConfig(JudgeOptions):
    """Every option of `pairgen compare`, checked."""

    command = "pairgen compare"

    runs: Annotated[
        tuple[str, ...],
        Places(if_empty="give runs or other models"),
        Option(
            "Runs of `pairgen train`, or any models; RUN@1,4 for step counts other than its own.",
            metavar="RUN...",
            missing="must be given, such as runs/student.",
        ),
    ]
    out: Annotated[
        str,
        Place(),
        Option("Output folder.", "Output", metavar="DIR", default="comparisons/NAME_OF_DATA"),
    ] = ""

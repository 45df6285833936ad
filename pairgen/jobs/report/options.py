"""The options of `pairgen report`."""

from typing import Annotated

from pairgen.options import Option, Options
from pairgen.rules import SEED, Integer, Place, Text

# A page with more is too large to open on a phone.
MAX_SAMPLES = 400


class ReportConfig(Options):
    """Every option of `pairgen report`, checked."""

    command = "pairgen report"

    num: Annotated[
        int,
        Integer(1, MAX_SAMPLES),
        Option("Number of samples to show, drawn evenly from the dataset.", "What is shown"),
    ] = 48
    where: Annotated[
        str,
        Text("leave it out for all samples"),
        Option(
            "Show only samples that match, such as 'guidance_scale == 8'.",
            "What is shown",
            metavar="EXPR",
        ),
    ] = ""
    seed: Annotated[
        int,
        SEED,
        Option(
            "Random seed that chooses the samples.",
            "What is shown",
            metavar="S",
        ),
    ] = 0
    out: Annotated[
        str,
        Place(),
        Option("Output file.", "Output", metavar="FILE.html", default="report.html in the folder"),
    ] = ""

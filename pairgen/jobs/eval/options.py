"""The options of `pairgen eval`."""

from typing import Annotated

from pairgen.judging.options import JudgeOptions
from pairgen.list_rules import Named
from pairgen.options import Option
from pairgen.rules import Integer, Place

# Options that only image-to-image students have.
FOR_IMAGES = ("protocol", "beside", "subset", "iqa")


class EvalConfig(JudgeOptions):
    """Every option of `pairgen eval`, checked."""

    command = "pairgen eval"

    run: Annotated[
        str,
        Place(),
        Option(
            "Run of `pairgen train`, or any model.",
            metavar="RUN",
            missing="must be given, such as runs/student.",
        ),
    ]
    steps: Annotated[
        int,
        Integer(1, unset=0),
        Option(
            "Sampling steps of the model; not for students that start from an image.",
            "What is measured",
            metavar="N",
            default="the number it was trained for; for a teacher, that of the pairs",
        ),
    ] = 0
    beside: Annotated[
        tuple[str, ...],
        Named(),
        Option(
            "Folder of another system's images for the same pairs; adds a row. Repeatable.",
            "What is measured",
            metavar="NAME=DIR",
        ),
    ] = ()
    subset: Annotated[
        tuple[str, ...],
        Named(),
        Option(
            "Subset of the pairs to report in a table of its own, such as 'faces=contains(prompt, "
            '"face")\'. Repeatable.',
            "What is measured",
            metavar="NAME=EXPR",
        ),
    ] = ()
    out: Annotated[
        str, Place(), Option("Output folder.", "Output", metavar="DIR", default="RUN/eval")
    ] = ""

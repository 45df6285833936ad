"""The options of `pairgen export`."""

from typing import Annotated

from pairgen.options import Option, Options
from pairgen.rules import Place


class ExportConfig(Options):
    """Every option of `pairgen export`, checked."""

    command = "pairgen export"

    run: Annotated[
        str,
        Place(),
        Option(
            "Run of `pairgen train`, or any one-step model.",
            metavar="RUN",
            missing="must be given, such as runs/student.",
        ),
    ]
    onnx: Annotated[
        str,
        Place(),
        Option(
            "Folder for the ONNX files; it must not exist yet.",
            "Output",
            metavar="DIR",
            missing="must be given: the folder for the ONNX files, such as student-onnx.",
        ),
    ]

"""The options of `pairgen inspect`."""

from typing import Annotated

from pydantic import model_validator

from pairgen.drawing.limits import MAX_GRID_PICTURES
from pairgen.errors import ConfigError
from pairgen.option_names import option_text
from pairgen.options import Option, Options
from pairgen.rules import Integer, Place, Switch, Text


class InspectConfig(Options):
    """Every option of `pairgen inspect`, checked."""

    command = "pairgen inspect"

    where: Annotated[
        str,
        Text("leave it out for all samples"),
        Option(
            "Count and show only samples that match, such as 'guidance_scale == 8 and len(prompt) "
            "< 200', by the columns of the index and of annotations.",
            "What is shown",
            metavar="EXPR",
        ),
    ] = ""
    grid: Annotated[
        str,
        Place(),
        Option(
            "Save a grid of the given samples, or of samples spread evenly over the dataset.",
            "What is shown",
            metavar="FILE.png",
        ),
    ] = ""
    num: Annotated[
        int,
        Integer(1, MAX_GRID_PICTURES),
        Option("Number of samples in the grid if you give no KEY.", "What is shown"),
    ] = 16
    trajectory: Annotated[
        bool,
        Switch(),
        Option(
            "Show the stored trajectory of each sample, from noise to end point.", "What is shown"
        ),
    ] = False

    @model_validator(mode="after")
    def _check_together(self) -> "InspectConfig":
        if self.trajectory and not self.grid:
            raise ConfigError(f"{option_text('trajectory')} needs a grid: add --grid FILE.png.")
        return self

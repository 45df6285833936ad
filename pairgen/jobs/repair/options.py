"""The options of `pairgen repair`."""

from typing import Annotated

from pairgen.kinds.run_options import MakingOptions
from pairgen.options import Option
from pairgen.rules import Integer


class RepairConfig(MakingOptions):
    """Every option of `pairgen repair`: what may differ from how the dataset was made."""

    command = "pairgen repair"

    batch_size: Annotated[
        int,
        Integer(1, unset=0),
        Option("Samples per batch.", "Compute", metavar="B", default="that of the dataset"),
    ] = 0

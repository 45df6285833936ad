"""The options of `pairgen demo`."""

from typing import Annotated

from pairgen.options import Option, Options
from pairgen.rules import Integer, Place


class DemoConfig(Options):
    """Every option of `pairgen demo`, checked."""

    command = "pairgen demo"

    out: Annotated[
        str,
        Place(),
        Option("Output folder; continues an unfinished demo.", "Output", metavar="DIR"),
    ] = "demo"
    num_samples: Annotated[int, Integer(2), Option("Number of pairs to make.", "Data")] = 96
    steps: Annotated[int, Integer(1), Option("Number of solver steps.", "Sampling")] = 50
    train_steps: Annotated[
        int, Integer(1), Option("Number of training steps of the student.", "Training")
    ] = 150

"""Where the metrics of a training are shown: the options that choose it."""

from typing import Annotated

from pairgen.options import Option
from pairgen.rules import Choice, Switch

AUTO, NONE = "auto", "none"
# Each is the name of its package, of pairgen's extra, and of accelerate's tracker.
TRACKERS = ("tensorboard", "wandb", "mlflow")

Tracker = Annotated[
    str,
    Choice((AUTO, *TRACKERS, NONE)),
    Option(
        "Tracker to send metrics and grids to; auto is TensorBoard if it is installed.",
        "Output",
        "remembered",
        flag=False,
    ),
]
TensorBoard = Annotated[
    bool,
    Switch(),
    Option("Whether tracker=auto uses TensorBoard.", "Output", "remembered", flag=False),
]

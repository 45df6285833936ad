"""The options of `pairgen status`."""

from typing import Annotated

from pairgen.options import Option, Options
from pairgen.rules import Number, OrNone


class StatusConfig(Options):
    """Every option of `pairgen status`, checked."""

    command = "pairgen status"

    price_per_gpu_hour: Annotated[
        float | None,
        OrNone(Number(0.0, 1e6)),
        Option(
            "Hourly price of the device that a worker runs on.",
            "What is shown",
            metavar="P",
            default="no price",
        ),
    ] = None

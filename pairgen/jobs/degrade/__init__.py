"""`pairgen degrade` as a Python call."""

from typing import Any

from pairgen.kinds.degrade.options import DegradeConfig
from pairgen.receipts import Manifest
from pairgen.signature import takes


@takes(DegradeConfig, trust_code=True, progress=True)
def degrade(**options: Any) -> Manifest:
    """Turn photographs into (HR, LR at 1/N) shards; continue an unfinished run.

    Options that you leave out come from the plan of the folder `out` if it has one.

    Args:
        **options: Options with the names of the flags of `pairgen degrade`.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C.

    Raises:
        ConfigError: An option, a file or the folder is invalid; nothing was written.
        PairgenError: The run cannot continue; finished shards are kept.
    """
    from pairgen.jobs.degrade.run import run_degrade

    return run_degrade(options).manifest

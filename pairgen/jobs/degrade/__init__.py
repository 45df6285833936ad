"""`pairgen degrade` as a Python call."""

from typing import Any

from pairgen.types import Manifest


def degrade(**options: Any) -> Manifest:
    """Turn photographs into (HR, LR at 1/N) shards; continue what is there.

    Args:
        **options: The fields of `pairgen.kinds.degrade.options.DegradeConfig`, the same names as
            the flags of `pairgen degrade`. Options that are not given come from the plan of the
            folder `out` when it has one.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C.

    Raises:
        ConfigError: An option, a file or the folder is wrong; nothing was written.
        PairgenError: The run cannot go on; finished shards stay.
    """
    from pairgen.jobs.degrade.run import run_degrade

    return run_degrade(options).manifest

"""`pairgen collect` as a Python call."""

from typing import Any

from pairgen.kinds.collect.options import CollectConfig
from pairgen.receipts import Manifest
from pairgen.signature import takes


@takes(CollectConfig, trust_code=True, progress=True)
def collect(**options: Any) -> Manifest:
    """Turn real images into shards, all in one size, with captions; continue a run.

    Options that you leave out come from the plan of the folder `out` if it has one.

    Args:
        **options: Options with the names of the flags of `pairgen collect`.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C. With `bucket` it holds the plan of
        all images, and the receipts and missing tasks of every sub-set.

    Raises:
        ConfigError: An option, a file or the folder is invalid; nothing was written.
        PairgenError: The run cannot continue; finished shards are kept.
    """
    from pairgen.jobs.collect.run import run_collect

    return run_collect(options).manifest

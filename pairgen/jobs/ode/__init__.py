"""`pairgen ode` as a Python call."""

from typing import Any

from pairgen.kinds.ode.options import OdeConfig
from pairgen.receipts import Manifest
from pairgen.signature import takes


@takes(OdeConfig, trust_code=True, progress=True)
def ode(**options: Any) -> Manifest:
    """Turn prompts into (noise, prompt, latent) shards; continue an unfinished run.

    Options that you leave out come from the plan of the folder `out` if it has one, else from the
    model's config.

    Args:
        **options: Options with the names of the flags of `pairgen ode`.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C.

    Raises:
        ConfigError: An option, a file or the folder is invalid; nothing was written.
        PairgenError: The run cannot continue; finished shards are kept.
    """
    from pairgen.jobs.ode.run import run_ode

    return run_ode(options).manifest

"""`pairgen ode` as a Python call."""

from typing import Any

from pairgen.kinds.ode.options import OdeConfig
from pairgen.signature import takes
from pairgen.types import Manifest


@takes(OdeConfig, trust_code=True)
def ode(**options: Any) -> Manifest:
    """Turn prompts into (noise, prompt, latent) shards; continue what is there.

    Options that are not given come from the plan of the folder `out` when it has one, else from the
    model's config.

    Args:
        **options: The same names as the flags of `pairgen ode`.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C.

    Raises:
        ConfigError: An option, a file or the folder is wrong; nothing was written.
        PairgenError: The run cannot go on; finished shards stay.
    """
    from pairgen.jobs.ode.run import run_ode

    return run_ode(options).manifest

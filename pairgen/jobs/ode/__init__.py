"""`pairgen ode` as a Python call."""

from typing import Any

from pairgen.types import Manifest


def ode(**options: Any) -> Manifest:
    """Turn prompts into (noise, prompt, latent) shards; continue what is there.

    Args:
        **options: The fields of `pairgen.kinds.ode.options.OdeConfig`, the same names as the
            flags of `pairgen ode`. Options that are not given come from the plan of the folder
            `out` when it has one, else from the model's config.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C.

    Raises:
        ConfigError: An option, a file or the folder is wrong; nothing was written.
        PairgenError: The run cannot go on; finished shards stay.
    """
    from pairgen.jobs.ode.run import run_ode

    return run_ode(options).manifest

"""`pairgen push` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.push.options import PushConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.push.run import Pushed


@takes(PushConfig, trust_code=True, progress=True)
def push(folder: str | Path, to: str, **options: Any) -> "Pushed":
    """Upload a dataset or the student of a run to the hub; only new and changed files are sent.

    Args:
        folder: The dataset or the run, on this machine.
        to: `hf://datasets/OWNER/NAME` for a dataset, `hf://OWNER/NAME` for a run.
        **options: Options with the names of the flags of `pairgen push`.

    Raises:
        ConfigError: The folder cannot be pushed, the address is wrong, or the hub gives no access.
        PairgenError: The hub cannot be reached.
    """
    from pairgen.jobs.push.run import run_push

    return run_push(folder, to, options)

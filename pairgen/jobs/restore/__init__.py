"""`pairgen restore` as a Python call."""

from typing import TYPE_CHECKING, Any

from pairgen.jobs.restore.options import RestoreConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.restore.run import Restored


@takes(RestoreConfig, trust_code=True, progress=True)
def restore(**options: Any) -> "Restored":
    """Restore pictures of any size with a student; continue an unfinished run.

    For arrays, see `pairgen.Restorer`.

    Args:
        **options: Options with the names of the flags of `pairgen restore`.

    Returns:
        How the run ended. `interrupted` is true after Ctrl-C.

    Raises:
        ConfigError: An option, the student or the folder is invalid; nothing was written.
        PairgenError: The run cannot continue; finished pictures are kept.
    """
    from pairgen.jobs.restore.run import run_restore

    return run_restore(options)

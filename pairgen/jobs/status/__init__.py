"""`pairgen status` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.status.options import StatusConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.status.run import Status


@takes(StatusConfig, progress=True)
def status(folder: str | Path, **options: Any) -> "Status":
    """Tell how far a dataset is, from its receipts alone.

    Args:
        folder: The dataset, finished or not.
        **options: Options with the names of the flags of `pairgen status`.

    Returns:
        The status: `status.data` is what `pairgen status --json` prints.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
        OSError: The folder cannot be read.
    """
    from pairgen.jobs.status.run import run_status

    return run_status(folder, **options)

"""`pairgen verify` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.verify.options import VerifyConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.shards.check.report import Report


@takes(VerifyConfig)
def verify(folder: str | Path, **options: Any) -> "Report":
    """Check every byte and number of a dataset against its plan and receipts, or part of them.

    Args:
        folder: The dataset.
        **options: The same names as the flags of `pairgen verify`.

    Returns:
        The report. `report.clean` speaks of what was read; `report.unread` says what was not, and
        `report.interrupted` is True after Ctrl-C.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
    """
    from pairgen.jobs.verify.run import run_verify

    return run_verify(folder, options)

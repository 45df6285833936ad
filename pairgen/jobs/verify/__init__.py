"""`pairgen verify` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.verify.options import VerifyConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.shards.check.report import Report


@takes(VerifyConfig, progress=True)
def verify(folder: str | Path, **options: Any) -> "Report":
    """Check every byte and number of a dataset, or part of them, against its plan and receipts.

    The command checks the overlays in `DIR.annotations` too; this call checks the folder alone.

    Args:
        folder: The dataset folder.
        **options: Options with the names of the flags of `pairgen verify`.

    Returns:
        The report. `report.clean` covers what was read, `report.unread` lists what was not, and
        `report.interrupted` is True after Ctrl-C.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
    """
    from pairgen.jobs.verify.run import run_verify

    return run_verify(folder, options)

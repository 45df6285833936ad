"""`pairgen report` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.report.options import ReportConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.report.run import Reported


@takes(ReportConfig, trust_code=True, progress=True)
def report(folder: str | Path, **options: Any) -> "Reported":
    """Write a page about a dataset or a training run: one HTML file that opens offline.

    Args:
        folder: The dataset or the run, finished or not.
        **options: Options with the names of the flags of `pairgen report`.

    Raises:
        ConfigError: The folder holds neither, or an option is wrong; nothing was written.
        CorruptShardError: A shard that is needed is damaged.
    """
    from pairgen.jobs.report.run import run_report

    return run_report(folder, options)

"""`pairgen repair` as a Python call."""

from pathlib import Path
from typing import Any

from pairgen.jobs.repair.options import RepairConfig
from pairgen.receipts import Manifest
from pairgen.signature import takes


@takes(RepairConfig, trust_code=True, progress=True)
def repair(folder: str | Path, **options: Any) -> Manifest:
    """Remake damaged and missing shards; good shards keep their bytes.

    Args:
        folder: The dataset folder.
        **options: Options with the names of the flags of `pairgen repair`.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
    """
    from pairgen.jobs.repair.run import run_repair

    return run_repair(folder, options).manifest

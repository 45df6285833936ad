"""`pairgen repair` as a Python call."""

from pathlib import Path
from typing import Any

from pairgen.types import Manifest


def repair(folder: str | Path, **options: Any) -> Manifest:
    """Make the bad and missing shards again; good shards keep their bytes.

    Args:
        folder: The dataset.
        **options: `executor`, `num_workers`, `gpus_per_worker`, `address`, `batch_size`, as in
            `ode`.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
    """
    from pairgen.jobs.repair.run import run_repair

    return run_repair(folder, options).manifest

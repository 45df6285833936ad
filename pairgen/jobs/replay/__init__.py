"""`pairgen replay` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pairgen.jobs.replay.outcome import Replay


def replay(folder: str | Path, key: str, *, trust_code: bool = False) -> "Replay":
    """Remake one sample of a dataset and compare it with the stored one.

    Args:
        folder: The dataset folder.
        key: Key of the sample.
        trust_code: Whether to allow imports of modules outside pairgen that the dataset names.

    Raises:
        ConfigError: The folder holds no dataset that can be replayed, or no such sample.
        CorruptShardError: The sample's shard is damaged.
    """
    from pairgen.jobs.replay.run import run_replay

    return run_replay(folder, key, trust_code)

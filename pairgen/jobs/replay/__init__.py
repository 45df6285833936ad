"""`pairgen replay` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pairgen.jobs.replay.run import Replay


def replay(folder: str | Path, key: str, *, trust_code: bool = False) -> "Replay":
    """Make one sample of a set again and compare it with what is stored.

    Args:
        folder: The dataset.
        key: Of the sample.
        trust_code: Whether modules outside pairgen that the set names may be imported.

    Raises:
        ConfigError: The folder holds no set that can be replayed, or no such sample.
        CorruptShardError: Its shard is damaged.
    """
    from pairgen.jobs.replay.run import run_replay

    return run_replay(folder, key, trust_code)

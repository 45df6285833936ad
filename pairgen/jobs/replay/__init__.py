"""`pairgen replay` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.config import check_keys
from pairgen.options import Options
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.replay.outcome import Replay


@takes(Options, trust_code=True, progress=True)
def replay(folder: str | Path, key: str, **options: Any) -> "Replay":
    """Remake one sample of a dataset and compare it with the stored one.

    Args:
        folder: The dataset folder.
        key: Key of the sample.
        **options: Options with the names of the flags of `pairgen replay`.

    Raises:
        ConfigError: The folder holds no dataset that can be replayed, no such sample, or an option
            is wrong.
        CorruptShardError: The sample's shard is damaged.
    """
    check_keys(options, ["trust_code"], "the options of pairgen replay")
    from pairgen.jobs.replay.run import run_replay

    return run_replay(folder, key, **options)

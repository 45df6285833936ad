"""`pairgen inspect` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.inspect.options import InspectConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.inspect.run import Inspection


@takes(InspectConfig, trust_code=True, progress=True)
def inspect(folder: str | Path, *keys: str, **options: Any) -> "Inspection":
    """Describe a dataset, or samples of it, as plain data; optionally save a grid of images.

    Args:
        folder: The dataset folder.
        *keys: Keys of samples.
        **options: Options with the names of the flags of `pairgen inspect`.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong; nothing was written.
        CorruptShardError: A shard that is needed is damaged.
    """
    from pairgen.jobs.inspect.run import run_inspect

    return run_inspect(folder, keys, **options)

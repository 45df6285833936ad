"""`pairgen inspect` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.inspect.options import InspectConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.inspect.run import Inspection


@takes(InspectConfig, trust_code=True)
def inspect(folder: str | Path, *keys: str, **options: Any) -> "Inspection":
    """Tell what is in a set, or in samples of it, as plain data; draw pictures of it.

    Args:
        folder: The dataset.
        *keys: Of samples.
        **options: The same names as the flags of `pairgen inspect`.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong; nothing was written.
        CorruptShardError: A shard that is needed is damaged.
    """
    from pairgen.jobs.inspect.run import run_inspect

    return run_inspect(folder, keys, **options)

"""Whether the runs that the stages of a chain learn from still are what they were."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.jobs.train.chain_stages import Stage
from pairgen.methods.base import LAST
from pairgen.training.runs.finished_run import hash_run

# Key of the run that a chain continues from.
FROM_RUN = "from_run"


def checked_weights(
    folder: Path, left: Sequence[Stage], known: Mapping[str, str]
) -> dict[str, str]:
    """Compare the finished runs that stages learn from to what is known of them.

    Args:
        folder: The folder of the chain.
        left: The stages that are still to be trained.
        known: SHA-256 of runs, see `ChainFile.weights`.

    Returns:
        `known`, with the runs that it did not know as they are now: that a chain continues from, or
        that ended in a process which was killed before it wrote.

    Raises:
        ConfigError: One was altered.
    """
    found, now = dict(known), dict[str, str]()
    later = {stage.folder for stage in left}
    for stage in left:
        for run in stage.learns_from:
            if Path(run) in later:
                continue
            name = Path(run).name if Path(run).parent == folder else FROM_RUN
            now[name] = now.get(name) or weights_of(run)
            before = found.setdefault(name, now[name])
            if before != now[name]:
                raise ConfigError(
                    f"{run} has changed since its training ended, and {stage.folder} would "
                    f"learn from it: its SHA-256 was {before[:16]}..., now it is "
                    f"{now[name][:16]}.... Put its files back, or train the chain in another --out."
                )
    return found


def weights_of(run: str | Path) -> str:
    """Return the SHA-256 of all weights that a finished run has exported."""
    return hash_run(run, LAST)

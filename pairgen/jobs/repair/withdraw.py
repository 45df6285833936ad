"""Withdraw bad shards, so that an ordinary resume makes them again. There are no patch files."""

from collections.abc import Iterable, Mapping

from pairgen.errors import ConfigError
from pairgen.shards.check.report import Report
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import readable_receipt
from pairgen.shards.format.store import Store
from pairgen.types import Receipt


def shards_to_redo(report: Report) -> list[int]:
    """Return the shards to withdraw, in order.

    Raises:
        ConfigError: The set's list of prompts or images is not the plan's, so that new shards
            would be wrong.
    """
    for kind, path, command in (
        ("prompts", layout.PROMPTS, "ode"),
        ("images", layout.IMAGES, "degrade"),
    ):
        if any(problem.kind == kind for problem in report.problems):
            raise ConfigError(
                f"{path} is damaged or not the plan's: run `pairgen {command}` on the folder with "
                f"the first --{kind} again, then repair."
            )
    return list(report.bad_shards)


def withdraw(
    store: Store, shard_indices: Iterable[int], checked: Mapping[int, Receipt] | None = None
) -> None:
    """Remove the receipts of bad shards, then their tars and index files.

    Receipts go first: whenever this is interrupted, no receipt vouches for what is gone. A shard
    that another run has finished since it was checked stays.

    Args:
        store: The dataset folder.
        shard_indices: Of the bad shards.
        checked: The receipts that stood when they were checked; those that stand now unless given.
    """
    indices = [
        shard_index
        for shard_index in shard_indices
        if checked is None
        or readable_receipt(store, shard_index) in (None, checked.get(shard_index))
    ]
    for shard_index in indices:
        store.remove(layout.receipt_path(shard_index))
    for shard_index in indices:
        store.remove(layout.shard_path(shard_index))
        store.remove(layout.index_path(shard_index))

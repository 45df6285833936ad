"""Withdraw bad shards, so that an ordinary resume remakes them. There are no patch files."""

from collections.abc import Iterable, Mapping

from pairgen.errors import ConfigError
from pairgen.receipts import Receipt
from pairgen.shards.check.report import Report
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import readable_receipt
from pairgen.shards.storage.store import Store


def shards_to_redo(report: Report, kind: str) -> list[int]:
    """Return the shards of a dataset of some kind to withdraw, in order.

    Raises:
        ConfigError: The dataset's list of prompts or images does not match the plan, so new shards
            would be wrong.
    """
    for problem in report.problems:
        if problem.kind in ("prompts", "images"):
            raise ConfigError(
                f"{problem.where} is damaged or does not match the plan: run `pairgen {kind}` on "
                f"the folder with the original --{problem.kind} again, then repair."
            )
    return list(report.bad_shards)


def withdraw(
    store: Store, shard_indices: Iterable[int], checked: Mapping[int, Receipt] | None = None
) -> None:
    """Remove the receipts of bad shards, then their tars and index files.

    Receipts are removed first: if this is interrupted, no receipt refers to a missing shard. A
    shard that another run has finished since the check is kept.

    Args:
        store: The dataset folder.
        shard_indices: Indices of the bad shards.
        checked: The receipts at the time of the check; by default, the current ones.
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

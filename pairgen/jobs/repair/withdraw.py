"""Withdraw bad shards, so that an ordinary resume makes them again. There are no patch files."""

from collections.abc import Iterable

from pairgen.errors import ConfigError
from pairgen.shards.check.report import Report
from pairgen.shards.format import layout
from pairgen.shards.format.store import Store


def shards_to_redo(report: Report) -> list[int]:
    """Return the shards to withdraw, in order.

    Raises:
        ConfigError: The set's prompt file is not the plan's, so that new shards would be wrong.
    """
    if any(problem.kind == "prompts" for problem in report.problems):
        raise ConfigError(
            f"{layout.PROMPTS} is not the plan's: run `pairgen ode` on the folder with the first "
            "--prompts again, then repair."
        )
    return list(report.bad_shards)


def withdraw(store: Store, shard_indices: Iterable[int]) -> None:
    """Remove the receipts of bad shards, then their tars and index files.

    Receipts go first: whenever this is interrupted, no receipt vouches for what is gone.
    """
    indices = list(shard_indices)
    for shard_index in indices:
        store.remove(layout.receipt_path(shard_index))
    for shard_index in indices:
        store.remove(layout.shard_path(shard_index))
        store.remove(layout.index_path(shard_index))

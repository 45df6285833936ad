"""The shards of an overlay beside those of its parent: which are behind, stale, or still to make.

The receipts alone answer, without opening a shard:

- behind: the parent's shard has slots that the overlay's does not cover yet, because the parent has
  grown or the overlay is not finished. The command that makes the overlay catches up.
- stale: the overlay's shard records the SHA-256 of another parent's shard than the one that stands
  there now, for example after a repair. The same command makes it again.
"""

import hashlib
from dataclasses import replace

import numpy as np

from pairgen.errors import ConfigError
from pairgen.receipts import Receipt
from pairgen.shards.format import layout
from pairgen.shards.overlays.overlay import Layer
from pairgen.types import Plan, ShardTask

# Recorded for a parent's shard without samples, which has no tar.
NO_TAR_SHA256 = hashlib.sha256().hexdigest()
NO_SLOTS = np.empty(0, np.int64)


def slots_of(receipt: Receipt) -> np.ndarray:
    """Return the slots that have a sample, ascending, int64 [count], from the receipt alone.

    In a sound shard, every slot of the range has either a sample or an entry in `failed`: whoever
    makes shards writes it so, and `verify` reports a `gap` otherwise. Whoever relies on it compares
    the length to `receipt.count`, and the slots to the keys of the index.
    """
    slots = np.arange(receipt.start, receipt.stop, dtype=np.int64)
    if not receipt.failed:
        return slots
    return np.setdiff1d(slots, [slot.index for slot in receipt.failed], assume_unique=True)


def parent_sha256(parent: Receipt) -> str:
    """Return what an overlay's receipt records of its parent's shard."""
    return parent.sha256 or NO_TAR_SHA256


def is_behind(parent: Receipt, overlay: Receipt | None) -> bool:
    """Whether an overlay's shard, None if it was not made, covers less than its parent's."""
    return overlay is None or overlay.stop < parent.stop


def is_stale(parent: Receipt, overlay: Receipt | None) -> bool:
    """Whether an overlay's shard covers its parent's, but was made from another one."""
    if overlay is None or is_behind(parent, overlay):
        return False
    return overlay.is_stale(parent_sha256(parent))


def usable_slots(parent: Receipt, overlay: Receipt | None) -> np.ndarray:
    """Return the slots whose members an overlay's shard gives, int64 [N]; it must not be stale.

    The last shard of a parent is made again as the parent grows. The samples that it had before
    need not have kept their bytes, so a shorter shard that was made from it gives none.
    """
    if overlay is None or overlay.is_stale(parent_sha256(parent)):
        return NO_SLOTS
    return slots_of(overlay)


def overlay_tasks(plan: Plan, parent: Layer) -> list[ShardTask]:
    """Return the tasks of an overlay, each with the hash of its parent's shard.

    Folded with these, `manifest.scan` counts stale shards as missing. A task may name an older
    shard than the one its maker reads, if the parent is repaired in between; then the overlay's
    shard is stale, and made again by the next run.

    Args:
        plan: The overlay's plan.
        parent: The parent.

    Raises:
        ConfigError: The parent's shard has not been made yet.
    """
    return [
        replace(task, parent_sha256=parent_sha256(_finished(parent, task))) for task in plan.tasks()
    ]


def check_finished(parent: Layer) -> None:
    """Refuse a parent whose shards are not all there.

    Raises:
        ConfigError: A shard has not been made yet.
    """
    for task in parent.plan.tasks():
        _finished(parent, task)


def _finished(parent: Layer, task: ShardTask) -> Receipt:
    """Return the receipt of the parent's shard for a task.

    Raises:
        ConfigError: The shard has not been made yet.
    """
    receipt = parent.receipts.get(task.shard_index)
    if receipt is None or receipt.stop < task.stop:
        raise ConfigError(
            f"{layout.shard_path(task.shard_index)} of {parent.store.url} has not been made "
            "yet: finish that dataset first."
        )
    return receipt

"""An overlay by value beside the samples of its parent: which of their texts it has."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pairgen.errors import CorruptShardError
from pairgen.shards.format import layout
from pairgen.shards.format.index import PROMPT
from pairgen.shards.loading.good_shards import bad_shard, read_index, receipt_error
from pairgen.shards.overlays.overlay import Layer
from pairgen.shards.overlays.parent_shards import slots_of
from pairgen.shards.overlays.values import ValueSlots, covered, read_slots, text_hashes
from pairgen.shards.storage.read_ahead import read_ahead

log = logging.getLogger("pairgen")


@dataclass(frozen=True)
class ValueLayer:
    """An overlay by value whose receipts and slots were read.

    Attributes:
        layer: The overlay.
        slots: The slot of each text.
        made: Whether the shard of each slot was made, bool [num_samples].
        usable: Whether each slot has a sample, bool [num_samples].
        covers: Whether its texts are those of the parent as it is now.
    """

    layer: Layer
    slots: ValueSlots
    made: np.ndarray
    usable: np.ndarray
    covers: bool

    def find(self, texts: Sequence[str | None]) -> np.ndarray:
        """Return the slot of each text, int64 [N]; -1 where there is none that was planned."""
        found = self.slots.find(text_hashes(texts))
        found[found >= len(self.made)] = -1
        return found


@dataclass(frozen=True)
class Lack:
    """The samples of a shard that an overlay lacks.

    Attributes:
        has: Whether the overlay has each sample of the shard, bool [count].
        is_behind: Whether it has not been made for some of them yet.
    """

    has: np.ndarray
    is_behind: bool


def open_values(base: Layer, overlay: Layer, skip_bad: bool) -> ValueLayer:
    """Open an overlay by value: read its receipts, and map its slots.

    Args:
        base: Its parent.
        overlay: The overlay.
        skip_bad: Whether to leave out and log bad shards, with the samples that need them.

    Raises:
        CorruptShardError: A shard is missing or has the wrong size, or the slots cannot be read.
    """
    num = overlay.plan.num_samples
    made, usable = np.zeros(num, bool), np.zeros(num, bool)
    sizes = overlay.store.sizes(layout.TRAIN)
    for task in overlay.plan.tasks():
        error = receipt_error(overlay, task.shard_index, sizes)
        receipt = overlay.receipts.get(task.shard_index)
        if error is not None:
            if not skip_bad:
                raise error
            log.warning("Left out: %s", error)
            made[task.start : task.stop] = True
        elif receipt is not None:
            # Also of a shard that was shorter: a text keeps its slot.
            made[receipt.start : receipt.stop] = True
            usable[slots_of(receipt)] = True
    covers = overlay.plan.source.get("covers") == covered(base)
    return ValueLayer(overlay, read_slots(overlay.store), made, usable, covers)


def lacking(
    base: Layer, values: ValueLayer, shards: Sequence[int], skip_bad: bool
) -> Mapping[int, Lack]:
    """Return what an overlay by value lacks of each shard of its parent, where it lacks something.

    An overlay that is whole and up to date lacks nothing, which its receipts tell; otherwise, the
    texts in the parent's index are looked up.

    Args:
        base: The parent.
        values: The overlay.
        shards: The shards to read.
        skip_bad: Whether to pass over a shard whose index is bad: it is replaced when it is loaded.

    Raises:
        CorruptShardError: An index is missing or damaged.
    """
    if values.covers and values.usable.all():
        return {}

    def of_shard(shard_index: int) -> Lack | None:
        try:
            texts = read_index(base, shard_index, [PROMPT]).column(PROMPT)
            if len(texts) != base.receipts[shard_index].count:
                path = layout.index_path(shard_index)
                raise bad_shard(base, path, "has other samples than the shard's receipt says")
        except CorruptShardError:
            if not skip_bad:
                raise
            return None
        slots = values.find(texts.to_pylist())
        has = (slots >= 0) & values.usable[slots]
        if has.all():
            return None
        return Lack(has, bool(((slots < 0) | ~values.made[slots]).any()))

    found = zip(shards, read_ahead(of_shard, shards), strict=True)
    return {shard: lack for shard, lack in found if lack is not None}

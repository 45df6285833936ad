"""The open shards of an overlay by value, and the members that samples take from them."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

import numpy as np

from pairgen.errors import CorruptShardError
from pairgen.shards.format import layout
from pairgen.shards.format.members import Member
from pairgen.shards.loading.layer_columns import read_layer
from pairgen.shards.loading.value_layer import ValueLayer
from pairgen.shards.overlays.overlay import Layer
from pairgen.shards.overlays.values import HASH, VALUE_HASH

# Maps a tar and finds members: layer, shard, offsets [N], slots [N], members.
FindMembers = Callable[[Layer, int, np.ndarray, np.ndarray, Collection[str]], Mapping[str, Member]]


@dataclass(frozen=True)
class ValueShard:
    """One open shard of an overlay by value.

    Attributes:
        slots: Slot of every sample, ascending, int64 [N].
        members: Extension to the location of its bytes.
    """

    slots: np.ndarray
    members: Mapping[str, Member]


@dataclass(frozen=True)
class ScatteredMember:
    """One member of every sample of a shard, taken from several shards of an overlay by value.

    Attributes:
        shards: These shards.
        field: The member.
        which: Position of each sample's among them, [N].
        rows: Row of each sample's value there, [N].
    """

    shards: Sequence[ValueShard]
    field: str
    which: np.ndarray
    rows: np.ndarray

    def at(self, row: int) -> np.ndarray:
        """Return the bytes of one sample, uint8, without a copy."""
        return self.shards[self.which[row]].members[self.field].at(self.rows[row])


class ValueShards:
    """Opens shards of an overlay by value; one stays open while a shard of samples refers to it.

    Args:
        values: The overlay.
        fields: Members to find.
        find_members: Maps a checked tar.
    """

    def __init__(
        self, values: ValueLayer, fields: Collection[str], find_members: FindMembers
    ) -> None:
        self._values, self._fields, self._find_members = values, fields, find_members
        self._open: WeakValueDictionary[int, ValueShard] = WeakValueDictionary()
        self._locks: dict[int, threading.Lock] = {}

    def members(self, texts: Sequence[str]) -> dict[str, ScatteredMember]:
        """Return the members of samples with these texts, which all have some.

        Raises:
            CorruptShardError: A shard is bad.
        """
        slots = self._values.find(texts)
        if (slots < 0).any():
            raise self._wrong(f"{layout.SLOTS} lacks a text that its plan says it has")
        shard_of = slots // self._values.layer.plan.samples_per_shard
        needed, which = np.unique(shard_of, return_inverse=True)
        shards = [self._opened(shard) for shard in needed.tolist()]
        rows = np.empty(len(slots), np.int64)
        for position, shard in enumerate(shards):
            here = which == position
            rows[here] = np.searchsorted(shard.slots, slots[here])
        return {name: ScatteredMember(shards, name, which, rows) for name in self._fields}

    def _opened(self, shard_index: int) -> ValueShard:
        with self._locks.setdefault(shard_index, threading.Lock()):
            found = self._open.get(shard_index)
            if found is None:
                found = self._open[shard_index] = self._load(shard_index)
            return found

    def _load(self, shard_index: int) -> ValueShard:
        layer = self._values.layer
        table, slots = read_layer(layer, shard_index, ["offset", VALUE_HASH], has_others=True)
        hashes = [bytes.fromhex(each) for each in table.column(VALUE_HASH).to_pylist()]
        if not np.array_equal(self._values.slots.find(np.array(hashes, HASH)), slots):
            path = layout.shard_path(shard_index)
            raise self._wrong(f"{path} holds other texts than {layout.SLOTS} says")
        offsets = table.column("offset").to_numpy()
        members = self._find_members(layer, shard_index, offsets, slots, self._fields)
        return ValueShard(slots, members)

    def _wrong(self, what: str) -> CorruptShardError:
        url = self._values.layer.store.url
        return CorruptShardError(f"{url}: {what}; run the command that made this overlay again.")

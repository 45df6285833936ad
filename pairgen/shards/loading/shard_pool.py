"""The open shards of a training: fetched, checked and mapped in the background."""

import hashlib
import logging
import mmap
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from pairgen.errors import CorruptShardError
from pairgen.shards.format import layout
from pairgen.shards.format.index import PROMPT
from pairgen.shards.format.members import Member, find_members, skip_npy_headers
from pairgen.shards.loading.cache import ShardCache
from pairgen.shards.loading.good_shards import bad_shard
from pairgen.shards.loading.layer_columns import column_owners, read_layer, rows_of
from pairgen.shards.loading.training_set import OpenSet
from pairgen.shards.loading.value_shards import ScatteredMember, ValueShards
from pairgen.shards.overlays.overlay import Layer
from pairgen.shards.storage.local_store import LocalStore

# One fetches or reads while the other hashes; more would take cores from the training.
NUM_THREADS = 2
CHECKS = ("sha256", "size")
log = logging.getLogger("pairgen")


@dataclass(frozen=True)
class LoadedShard:
    """One shard of a dataset, with its overlays, ready for random access.

    Attributes:
        name: Name for messages.
        indices: Slot of every sample, [N].
        members: Extension to the location of its bytes.
        columns: Name to values of the index, [N].
    """

    name: str
    indices: np.ndarray
    members: Mapping[str, Member | ScatteredMember]
    columns: Mapping[str, np.ndarray]


class ShardPool:
    """Keeps the shards of the current windows open and opens those of the next ones.

    Args:
        sets: The datasets of the training.
        fields: Members to find.
        columns: Columns to read of the indices of each dataset and its overlays.
        check: `sha256` reads every shard once before its first use, `size` trusts its size.
        skip_bad: Whether to replace a bad shard by the next good one of its dataset, and log it.
        cache: Cache for shards behind a URL; None if all are local.
    """

    def __init__(
        self,
        sets: Sequence[OpenSet],
        fields: Collection[str],
        columns: Sequence[Sequence[str]],
        check: str,
        skip_bad: bool,
        cache: ShardCache | None,
    ) -> None:
        self._sets, self._fields, self._columns = sets, fields, columns
        self._owners = [column_owners(found.layers) for found in sets]
        self._values = [self._by_value(found) for found in sets]
        self._check, self._skip_bad, self._cache = check, skip_bad, cache
        self._open: dict[tuple[int, int], Future[LoadedShard]] = {}
        self._checked: set[str] = set()
        self._bad: dict[tuple[int, int], CorruptShardError] = {}
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="pairgen-shards")

    def reach(
        self, in_use: Collection[tuple[int, int]], ahead: Iterable[tuple[int, int]]
    ) -> Mapping[tuple[int, int], "Future[LoadedShard]"]:
        """Return the shards in use, start opening those ahead, and release all others."""
        keys = dict.fromkeys([*sorted(in_use), *ahead])
        for key in self._open.keys() - keys:
            # Batches in progress hold references to their shards.
            del self._open[key]
        for key in keys:
            if key not in self._open:
                self._open[key] = self._executor.submit(self._load_or_replace, *key)
        return {key: self._open[key] for key in in_use}

    def _load_or_replace(self, set_index: int, position: int) -> LoadedShard:
        """Load a shard; a bad one is replaced by the next good one of its dataset, in order."""
        all_rows = self._sets[set_index].rows
        for step in range(len(all_rows)):
            key = (set_index, (position + step) % len(all_rows))
            rows = all_rows[key[1]]
            # A condition may leave nothing of a shard.
            if key in self._bad or (rows is not None and not len(rows)):
                continue
            try:
                return self._load(*key)
            except CorruptShardError as error:
                if not self._skip_bad:
                    raise
                with self._lock:
                    if key not in self._bad:
                        log.warning("Replaced by the next shard: %s", error)
                    self._bad[key] = error
        raise self._bad[set_index, position]

    def _load(self, set_index: int, position: int) -> LoadedShard:
        found = self._sets[set_index]
        shard_index, rows = found.shards[position], found.rows[position]
        path = layout.shard_path(shard_index)
        owners, columns_wanted = self._owners[set_index], self._columns[set_index]
        by_value = self._values[set_index]
        if by_value:
            columns_wanted = [*columns_wanted, PROMPT]
        members: dict[str, Member | ScatteredMember] = {}
        columns: dict[str, np.ndarray] = {}
        indices: np.ndarray | None = None
        for layer in found.layers:
            wanted = [field for field in self._fields if found.layer_of(field) is layer]
            names = [name for name in columns_wanted if owners[name] is layer]
            if not wanted and not names and layer is not found.base:
                continue
            has_others = len(found.all_layers) > 1
            table, slots = read_layer(layer, shard_index, ["offset", *names], has_others)
            if indices is None:
                indices = slots if rows is None else slots[rows]
            at = rows_of(slots, indices)
            columns |= {name: _at(_values(table, name), at) for name in names}
            if wanted:
                offsets = table.column("offset").to_numpy()
                found_here = self._members(layer, shard_index, offsets, slots, wanted)
                members |= {
                    name: Member(member.buffer, _at(member.starts, at), _at(member.sizes, at))
                    for name, member in found_here.items()
                }
        assert indices is not None
        for values in by_value:
            members |= values.members(columns[PROMPT].tolist())
        return LoadedShard(f"{path} of {found.url}", indices, members, columns)

    def _by_value(self, found: OpenSet) -> list[ValueShards]:
        """Return the overlays by value that have a requested member."""
        wanted = [
            (values, [name for name in self._fields if name in values.layer.plan.members])
            for values in found.by_value
        ]
        return [ValueShards(values, names, self._members) for values, names in wanted if names]

    def _members(
        self,
        layer: Layer,
        shard_index: int,
        offsets: np.ndarray,
        indices: np.ndarray,
        wanted: Collection[str],
    ) -> dict[str, Member]:
        """Map a tar and find the requested members."""
        path, specs = layout.shard_path(shard_index), layer.plan.members
        buffer = self._map(layer, shard_index)
        try:
            found = find_members(buffer, offsets, indices, sorted(specs), wanted)
            return {
                name: skip_npy_headers(member, specs[name], name) if _is_array(name) else member
                for name, member in found.items()
            }
        except CorruptShardError as error:
            raise bad_shard(layer, path, f"is damaged: {error}") from None

    def _map(self, layer: Layer, shard_index: int) -> np.ndarray:
        """Return the checked bytes of a tar, uint8; the mapping lives as long as they do."""
        receipt, path = layer.receipts[shard_index], layout.shard_path(shard_index)
        try:
            with self._opened(layer, shard_index) as file:
                size = file.seek(0, 2)
                if size != receipt.num_bytes:
                    reason = f"has {size:,} bytes, its receipt says {receipt.num_bytes:,}"
                    raise bad_shard(layer, path, reason)
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"fails: {error}"
            raise bad_shard(layer, path, reason) from None
        buffer = np.frombuffer(mapped, np.uint8)
        name = f"{layer.store.url}/{path}"
        if self._check == "sha256" and name not in self._checked:
            if hashlib.sha256(buffer.data).hexdigest() != receipt.sha256:
                if self._cache is not None:
                    # The copy may be what is bad: the next training will fetch it again.
                    self._cache.discard(receipt.sha256)
                raise bad_shard(layer, path, "was altered: its sha256 differs from its receipt's")
            self._checked.add(name)
        return buffer

    def _opened(self, layer: Layer, shard_index: int) -> BinaryIO:
        path, receipt = layout.shard_path(shard_index), layer.receipts[shard_index]
        if isinstance(layer.store, LocalStore):
            return open(layer.store.root / path, "rb")
        assert self._cache is not None
        return self._cache.open(layer.store, path, receipt.num_bytes, receipt.sha256)


def _is_array(extension: str) -> bool:
    return extension.endswith("npy")


def _at(values: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
    return values if rows is None else values[rows]


def _values(table: pa.Table, name: str) -> np.ndarray:
    values: np.ndarray = table.column(name).to_numpy()
    return values

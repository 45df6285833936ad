"""Which samples of a dataset meet a condition on its columns and on those of its annotations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipt
from pairgen.shards.format.where import Where
from pairgen.shards.loading.annotations import open_annotations
from pairgen.shards.loading.good_shards import bad_shard
from pairgen.shards.loading.layer_columns import column_owners, joined_table
from pairgen.shards.loading.left_out import LeftOut, common_rows
from pairgen.shards.overlays.overlay import Layer, check_overlay, open_layer
from pairgen.shards.storage.read_ahead import read_ahead
from pairgen.shards.storage.store import Store
from pairgen.types import Plan


@dataclass(frozen=True)
class Matching:
    """A condition whose columns were found; the dataset need not be finished.

    Attributes:
        layers: The dataset, then the annotations whose columns the condition reads. Without
            annotations, no receipt was read.
        where: The condition.
        candidates: With annotations, the rows of each shard that all of them have, None for all.
        left_out: The samples that an annotation lacks, which meet no condition on it; None if
            there are none.
    """

    layers: tuple[Layer, ...]
    where: Where
    candidates: Mapping[int, np.ndarray | None] = field(default_factory=dict)
    left_out: LeftOut | None = None

    def count(self, counts: np.ndarray, on_progress: Callable[[int], None]) -> np.ndarray:
        """Return how many samples of each shard meet the condition, [num_shards].

        Args:
            counts: Number of samples in each shard, [num_shards].
            on_progress: Called with the number of shards read so far.

        Raises:
            ConfigError: Values cannot be compared like this.
            CorruptShardError: An index file is missing or damaged.
        """
        found = np.zeros_like(counts)
        shards = np.flatnonzero(counts).tolist()
        nums = read_ahead(lambda shard: len(self._rows(shard)), shards)
        for num_read, (shard, num) in enumerate(zip(shards, nums, strict=True), start=1):
            found[shard] = num
            on_progress(num_read)
        return found

    def rows(self, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Convert (shard, position among its samples that match) to (shard, row of the index)."""
        found = []
        for shard_index, group in groupby(places, lambda place: place[0]):
            rows = self._rows(shard_index)
            found += [(shard_index, int(rows[rank])) for _, rank in group]
        return found

    def _rows(self, shard_index: int) -> np.ndarray:
        layers, kept = self.layers, self.candidates.get(shard_index)
        if len(layers) == 1:
            layers = (_with_receipt(layers[0], shard_index),)
        elif shard_index not in self.candidates:
            return np.empty(0, np.int64)
        # A condition may read no column at all, and a table without columns has no rows.
        columns = self.where.columns or ("key",)
        table = joined_table(layers, column_owners(layers), shard_index, columns, kept)
        matched = np.flatnonzero(self.where.mask(table))
        return matched if kept is None else kept[matched]


def open_matching(store: Store, plan: Plan, where: Where) -> Matching:
    """Find the columns of a condition: the dataset's own, else those of its annotations.

    Raises:
        ConfigError: Neither has one of the columns, or two annotations have the same.
    """
    base = Layer(store, plan, {})
    overlays = open_annotations((base,), where.columns)
    if overlays:
        base = open_layer(store)
    for overlay in overlays:
        check_overlay(base, overlay)
    layers = (base, *overlays)
    where.check_columns(list(column_owners(layers)), f"The index of {store.url}")
    if not overlays:
        return Matching(layers, where)
    shards = [index for index, receipt in sorted(base.receipts.items()) if receipt.count]
    return Matching(layers, where, *common_rows(layers, shards))


def _with_receipt(base: Layer, shard_index: int) -> Layer:
    receipt = read_receipt(base.store, shard_index)
    if receipt is None:
        raise bad_shard(base, layout.receipt_path(shard_index), "cannot be read")
    return Layer(base.store, base.plan, {shard_index: receipt})

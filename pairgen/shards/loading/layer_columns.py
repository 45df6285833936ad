"""The columns of a dataset's index and of its overlays' indices, side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pairgen.errors import ConfigError
from pairgen.shards.format import layout
from pairgen.shards.format.index import index_columns
from pairgen.shards.loading.good_shards import bad_shard, read_index
from pairgen.shards.overlays.overlay import Layer
from pairgen.shards.overlays.parent_shards import slots_of

# Columns that say of a layer's sample where it lies, and two facts that all kinds of samples have,
# equal in all layers. They are read from the dataset itself.
SHARED = ("key", "shard_index", "offset", "index", "seed")


def column_owners(layers: Sequence[Layer]) -> dict[str, Layer]:
    """Return every column, the dataset's first, with the layer whose index has it.

    Raises:
        ConfigError: Two layers have a column of the same name.
    """
    owners: dict[str, Layer] = {}
    for layer in layers:
        for name in index_columns(layer.plan):
            if name in owners and name not in SHARED:
                raise ConfigError(
                    f"The indices of {owners[name].store.url} and {layer.store.url} both have a "
                    f"column {name!r}: use them one at a time."
                )
            owners.setdefault(name, layer)
    return owners


def read_layer(
    layer: Layer, shard_index: int, columns: Sequence[str], has_others: bool
) -> tuple[pa.Table, np.ndarray]:
    """Return columns of a shard's index, and its slots, int64 [N].

    Args:
        layer: A dataset or an overlay.
        shard_index: Index of the shard.
        columns: Columns to read.
        has_others: Whether its rows are matched to those of other layers by their receipts.

    Raises:
        CorruptShardError: The index does not match the receipt.
    """
    table = read_index(layer, shard_index, list(dict.fromkeys(["key", *columns])))
    slots = table.column("key").cast(pa.int64()).to_numpy()
    if has_others and not np.array_equal(slots, slots_of(layer.receipts[shard_index])):
        path = layout.shard_path(shard_index)
        raise bad_shard(layer, path, "holds other keys than its receipt says")
    return table, slots


def rows_of(slots: np.ndarray, chosen: np.ndarray) -> np.ndarray | None:
    """Return the rows of `chosen` among ascending `slots`, [N]; None if they are the same."""
    return None if np.array_equal(slots, chosen) else np.searchsorted(slots, chosen)


def joined_table(
    layers: Sequence[Layer],
    owners: Mapping[str, Layer],
    shard_index: int,
    columns: Sequence[str],
    rows: np.ndarray | None,
) -> pa.Table:
    """Return columns of all layers for a shard's samples: null where an overlay lacks a sample.

    Args:
        layers: The dataset, then its overlays.
        owners: Column to layer, from `column_owners`.
        shard_index: Index of the shard.
        columns: Columns to read, at least one.
        rows: Rows of the dataset's index to return, [N]; None for all.

    Raises:
        CorruptShardError: An index is missing, or does not match its receipt.
    """
    if len(layers) == 1:
        table = read_index(layers[0], shard_index, columns)
        return table if rows is None else table.take(rows)
    slots = slots_of(layers[0].receipts[shard_index])
    chosen = slots if rows is None else slots[rows]
    found: dict[str, pa.ChunkedArray] = {}
    for layer in layers:
        names = [name for name in columns if owners[name] is layer]
        if names:
            table, slots = read_layer(layer, shard_index, names, has_others=True)
            table = table if np.array_equal(slots, chosen) else table.take(_places(slots, chosen))
            found |= {name: table.column(name) for name in names}
    return pa.table({name: found[name] for name in columns})


def _places(slots: np.ndarray, chosen: np.ndarray) -> pa.Array:
    """Return the places of `chosen` among ascending `slots`, [N]; null for those not there."""
    lacks = ~np.isin(chosen, slots, assume_unique=True)
    return pa.array(np.searchsorted(slots, chosen), mask=lacks)

"""Read single samples of a dataset through its index, without reading the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa

from pairgen.errors import ConfigError, CorruptShardError
from pairgen.receipts import Receipt
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipt
from pairgen.shards.format.reader import read_samples
from pairgen.shards.format.slots import check_made
from pairgen.shards.format.writer import BLOCK
from pairgen.shards.loading.good_shards import bad_shard, read_index
from pairgen.shards.overlays.overlay import Layer
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, sample_key


@dataclass(frozen=True)
class Stored:
    """The bytes of one sample.

    Attributes:
        key: Key of nine digits.
        shard_index: Index of its shard.
        members: Extension to content.
    """

    key: str
    shard_index: int
    members: dict[str, memoryview]


def spread_rows(counts: np.ndarray, num: int) -> list[tuple[int, int]]:
    """Return (shard, row) of `num` samples, evenly spread over shards of `counts` [N] samples.

    The first and last samples are included; all samples if there are not more than `num`.
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    ranks = np.unique(np.linspace(0, total - 1, min(num, total)).round().astype(np.int64))
    shards = np.searchsorted(ends, ranks, side="right")
    rows = ranks - (ends - counts)[shards] if total else ranks
    return list(zip(shards.tolist(), rows.tolist(), strict=True))


def read_rows(store: Store, plan: Plan, places: Sequence[tuple[int, int]]) -> Iterator[Stored]:
    """Yield the samples in the given rows of their shards' indices.

    Args:
        store: The dataset folder.
        plan: The dataset's plan.
        places: (shard, row) of each sample, with those of one shard adjacent.

    Raises:
        CorruptShardError: A shard or its index is missing or damaged.
    """
    for shard_index, group in groupby(places, lambda place: place[0]):
        layer = _layer(store, plan, shard_index)
        table = _columns(layer, shard_index, ["key", "offset"])
        starts = table.column("offset").to_numpy()
        ends = np.append(starts[1:], layer.receipts[shard_index].num_bytes)
        for _, row in group:
            key = str(table.column("key")[row])
            yield _read_sample(layer, shard_index, key, int(starts[row]), int(ends[row]))


def find_sample(store: Store, plan: Plan, index: int) -> tuple[Stored, Receipt]:
    """Return the sample of a slot, and the receipt of its shard.

    Raises:
        ConfigError: The sample failed, was left out, or has not been made yet.
        CorruptShardError: Its shard or index is missing or damaged.
    """
    key, shard_index = sample_key(index), index // plan.samples_per_shard
    receipt = read_receipt(store, shard_index)
    if receipt is None:
        raise ConfigError(
            f"Sample {key} of {store.url} has not been made yet: its shard has no receipt."
        )
    check_made(receipt, index)
    layer = Layer(store, plan, {shard_index: receipt})
    row = _columns(layer, shard_index, ["key"]).column("key").index(key).as_py()
    if row < 0:
        raise bad_shard(layer, layout.index_path(shard_index), f"has no row for {key}")
    (found,) = read_rows(store, plan, [(shard_index, row)])
    return found, receipt


def _layer(store: Store, plan: Plan, shard_index: int) -> Layer:
    """Return a dataset with the receipt of one shard."""
    receipt = read_receipt(store, shard_index)
    layer = Layer(store, plan, {} if receipt is None else {shard_index: receipt})
    if receipt is None:
        raise bad_shard(layer, layout.receipt_path(shard_index), "cannot be read")
    return layer


def _columns(layer: Layer, shard_index: int, columns: Sequence[str]) -> pa.Table:
    return read_index(layer, shard_index, columns)


def _read_sample(layer: Layer, shard_index: int, key: str, start: int, stop: int) -> Stored:
    path = layout.shard_path(shard_index)
    try:
        data = layer.store.read_range(path, start, stop)
    except FileNotFoundError:
        raise bad_shard(layer, path, "is missing") from None
    try:
        # The bytes end where the next sample begins, without an end mark.
        (sample,) = read_samples(memoryview(data + bytes(2 * BLOCK)))
    except CorruptShardError as error:
        raise bad_shard(layer, path, f"is damaged at byte {start:,}: {error}") from None
    except ValueError:
        raise bad_shard(layer, path, f"has no single sample {key} at byte {start:,}") from None
    if sample.key != key:
        raise bad_shard(layer, path, f"has {sample.key} at byte {start:,}, not {key}")
    return Stored(key, shard_index, sample.members)

"""What the index says of the first samples of a dataset, and some of these samples alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from pairgen.shards.loading.layer_columns import column_owners, joined_table
from pairgen.shards.loading.training_set import OpenSet


def first_columns(found: OpenSet, num: int, columns: Sequence[str]) -> pa.Table:
    """Return columns of the first `num` samples that are read, in their order.

    Args:
        found: The dataset, its overlays, and which of its samples are read.
        num: Number of samples; fewer if there are fewer.
        columns: Columns to read, at least one.

    Raises:
        CorruptShardError: An index is missing, or does not match its receipt.
    """
    owners, parts = column_owners(found.layers), []
    for shard_index, rows in zip(found.shards, found.rows, strict=True):
        if num <= 0:
            break
        part = joined_table(found.layers, owners, shard_index, columns, rows).slice(0, num)
        parts.append(part)
        num -= len(part)
    return pa.concat_tables(parts, promote_options="permissive")


def only(found: OpenSet, kept: np.ndarray) -> OpenSet:
    """Return a dataset of which only some of the first samples are read.

    Args:
        found: The dataset.
        kept: Whether each of its first samples is read, bool [N].
    """
    chosen, start = [], 0
    for count, rows in zip(found.counts, found.rows, strict=True):
        places = np.flatnonzero(kept[start : start + count])
        chosen.append(places if rows is None else rows[places])
        start += count
    return replace(found, rows=tuple(chosen))

"""The images that annotations add to the samples of a page: edges, masks, depth, classes."""

from collections.abc import Sequence
from itertools import groupby

from pairgen.drawing.cells import Cell, picture_members, stored_cells
from pairgen.shards.loading.good_shards import read_index
from pairgen.shards.loading.stored import read_rows
from pairgen.shards.overlays.overlay import Layer


def with_annotations(
    cells: Sequence[Sequence[Cell]],
    keys: Sequence[str],
    places: Sequence[tuple[int, int]],
    annotations: Sequence[Layer],
) -> list[list[Cell]]:
    """Return the images of samples, followed by those that their annotations add.

    Args:
        cells: The images of each sample.
        keys: Its key.
        places: Its shard, and its row there; only the first is read.
        annotations: Annotations of the dataset. A sample that one of them lacks gets none of it.

    Raises:
        CorruptShardError: A shard of an annotation is missing or damaged.
    """
    found = [list(own) for own in cells]
    for layer in annotations:
        if picture_members(layer.plan):
            _add(found, keys, [shard_index for shard_index, _ in places], layer)
    return found


def _add(cells: list[list[Cell]], keys: Sequence[str], shards: Sequence[int], layer: Layer) -> None:
    """Add the images of one annotation."""
    places, samples = [], []
    for shard_index, group in groupby(range(len(keys)), lambda sample: shards[sample]):
        receipt = layer.receipts.get(shard_index)
        if receipt is None or not receipt.count:
            continue
        column = read_index(layer, shard_index, ["key"]).column("key")
        rows = {key: row for row, key in enumerate(column.to_pylist())}
        there = [sample for sample in group if keys[sample] in rows]
        places += [(shard_index, rows[keys[sample]]) for sample in there]
        samples += there
    for sample, stored in zip(samples, read_rows(layer.store, layer.plan, places), strict=True):
        cells[sample] += stored_cells(layer.plan, stored)

"""Read the first samples of a dataset in order; hash every shard before it is used."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from pairgen.shards.format import layout
from pairgen.shards.format.reader import StoredSample, map_file, read_samples
from pairgen.shards.loading.good_shards import bad_shard
from pairgen.shards.loading.training_set import OpenSet
from pairgen.shards.overlays.overlay import Layer


def first_samples(found: OpenSet, num: int, members: Sequence[str] = ()) -> Iterator[StoredSample]:
    """Yield the first `num` samples that are read of a dataset.

    A sample's members are views that end when the next one is asked for: decode them at once.

    Args:
        found: The dataset, its overlays, and which of its samples are read.
        num: Number of samples; fewer if there are fewer.
        members: Members to take from its overlays; those of the dataset itself are all there.

    Raises:
        CorruptShardError: A shard is missing, does not match its receipt, or lacks a sample.
    """
    overlays = [
        layer for layer in found.layers[1:] if any(name in layer.plan.members for name in members)
    ]
    for shard_index, rows in zip(found.shards, found.rows, strict=True):
        if num <= 0:
            return
        kept = None if rows is None else set(rows.tolist())
        if kept == set():
            continue
        with ExitStack() as stack:
            samples = _open_shard(found.base, shard_index, stack)
            added = [(layer, _open_shard(layer, shard_index, stack)) for layer in overlays]
            for row, sample in enumerate(samples):
                if num > 0 and (kept is None or row in kept):
                    for layer, others in added:
                        _add_members(sample, others, layer, shard_index, members)
                    yield sample
                    num -= 1
                # Release the views before their files are closed.
                sample.members.clear()


def _open_shard(layer: Layer, shard_index: int, stack: ExitStack) -> Iterator[StoredSample]:
    path = layout.shard_path(shard_index)
    view = stack.enter_context(map_file(stack.enter_context(layer.store.local(path))))
    if hashlib.sha256(view).hexdigest() != layer.receipts[shard_index].sha256:
        raise bad_shard(layer, path, "does not match its receipt")
    return read_samples(view)


def _add_members(
    sample: StoredSample,
    others: Iterator[StoredSample],
    layer: Layer,
    shard_index: int,
    members: Sequence[str],
) -> None:
    """Add members of an overlay, which may lack samples that are not read."""
    for other in others:
        if other.key == sample.key:
            sample.members.update(
                {name: content for name, content in other.members.items() if name in members}
            )
            return
    raise bad_shard(layer, layout.shard_path(shard_index), f"lacks sample {sample.key}")

"""Find the shards that a training may read, from listings and index files."""

import hashlib
import logging
from collections.abc import Mapping, Sequence

from pairgen.errors import CorruptShardError
from pairgen.shards.format import layout
from pairgen.shards.format.overlay import Layer

log = logging.getLogger("pairgen")


def bad_shard(layer: Layer, path: str, reason: str) -> CorruptShardError:
    """Return the error that stops a training at a bad shard."""
    return CorruptShardError(
        f"{path} of {layer.store.url} {reason}; run `pairgen verify` for details and "
        "`pairgen repair` to make it again."
    )


def read_index(layer: Layer, shard_index: int) -> bytes:
    """Return a shard's index file.

    Raises:
        CorruptShardError: The file is missing, or does not match the receipt.
    """
    path = layout.index_path(shard_index)
    try:
        data = layer.store.read_bytes(path)
    except FileNotFoundError:
        raise bad_shard(layer, path, "is missing") from None
    if hashlib.sha256(data).hexdigest() != layer.receipts[shard_index].index_sha256:
        raise bad_shard(layer, path, "does not match the shard's receipt")
    return data


def good_shards(layers: Sequence[Layer], skip_bad: bool) -> tuple[int, ...]:
    """Return the shards whose tars exist in every layer with the size in their receipts.

    Args:
        layers: A dataset and its overlays.
        skip_bad: Whether to leave out other shards and log why.

    Raises:
        CorruptShardError: A shard has no receipt, is missing or has the wrong size.
    """
    plan = layers[0].plan
    bad: set[int] = set()
    for layer in layers:
        sizes = layer.store.sizes(layout.TRAIN)
        for shard_index in range(plan.num_shards):
            reason = _why_bad(layer, shard_index, sizes)
            if reason is None:
                continue
            error = bad_shard(layer, layout.shard_path(shard_index), reason)
            if not skip_bad:
                raise error
            log.warning("Left out: %s", error)
            bad.add(shard_index)
    receipts = layers[0].receipts
    good = (i for i in range(plan.num_shards) if i not in bad and receipts[i].count)
    return tuple(good)


def _why_bad(layer: Layer, shard_index: int, sizes: Mapping[str, int]) -> str | None:
    receipt = layer.receipts.get(shard_index)
    if receipt is None:
        return "has no receipt: it has not been made yet"
    if receipt.count == 0:
        return None
    size = sizes.get(layout.shard_path(shard_index).rpartition("/")[2])
    if size is None:
        return "is missing"
    if size != receipt.num_bytes:
        return f"has {size:,} bytes, its receipt says {receipt.num_bytes:,}"
    return None

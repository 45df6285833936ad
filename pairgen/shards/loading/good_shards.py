"""Find the shards that a training may read, from listings and index files."""

import hashlib
import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pairgen.errors import CorruptShardError, short
from pairgen.receipts import Receipt
from pairgen.shards.format import layout
from pairgen.shards.format.index import read_columns
from pairgen.shards.overlays.overlay import Layer
from pairgen.shards.overlays.parent_shards import is_stale, slots_of
from pairgen.sources.arrow_files import UNREADABLE
from pairgen.wording import counted

log = logging.getLogger("pairgen")


def bad_shard(layer: Layer, path: str, reason: str) -> CorruptShardError:
    """Return the error that stops a training at a bad shard."""
    return CorruptShardError(
        f"{path} of {layer.store.url} {reason}; run `pairgen verify` for details and "
        "`pairgen repair` to make it again."
    )


def read_index(layer: Layer, shard_index: int, columns: Sequence[str]) -> pa.Table:
    """Return columns of a shard's index, [N] each.

    Raises:
        CorruptShardError: The file is missing, does not match the receipt, or is not its index.
    """
    path, receipt = layout.index_path(shard_index), layer.receipts[shard_index]
    try:
        data = layer.store.read_bytes(path)
    except FileNotFoundError:
        raise bad_shard(layer, path, "is missing") from None
    if hashlib.sha256(data).hexdigest() != receipt.index_sha256:
        raise bad_shard(layer, path, "does not match the shard's receipt")
    try:
        table = read_columns(data, columns, receipt.stop - receipt.start)
        if table.num_rows != receipt.count:
            raise ValueError(f"it has {table.num_rows:,} rows, the receipt says {receipt.count:,}")
        _check_offsets(table, receipt)
    except UNREADABLE as error:
        raise bad_shard(layer, path, f"cannot be read: {short(str(error))}") from None
    return table


def _check_offsets(table: pa.Table, receipt: Receipt) -> None:
    """Refuse places outside of the shard, before they are followed."""
    if "offset" in table.column_names and len(table):
        offsets = table.column("offset").to_numpy()
        if offsets[0] < 0 or offsets[-1] >= receipt.num_bytes or (np.diff(offsets) <= 0).any():
            raise ValueError("its offsets lead out of the shard")


def good_shards(layers: Sequence[Layer], skip_bad: bool) -> tuple[int, ...]:
    """Return the shards whose tars exist in every layer with the size in their receipts.

    A shard that an overlay has no receipt for is none of the bad ones: it was not made yet.

    Args:
        layers: A dataset and its overlays.
        skip_bad: Whether to leave out other shards and log why.

    Raises:
        CorruptShardError: A shard has no receipt in the dataset itself, is missing, has the wrong
            size, or is stale.
    """
    base, *overlays = layers
    good = set(range(base.plan.num_shards))
    for layer in layers:
        sizes = layer.store.sizes(layout.TRAIN)
        for shard_index in range(base.plan.num_shards):
            if layer is base:
                error = _base_error(base, shard_index, sizes, layered=bool(overlays))
            else:
                error = _overlay_error(base, layer, shard_index, sizes)
            if error is None:
                continue
            if not skip_bad:
                raise error
            log.warning("Left out: %s", error)
            good.discard(shard_index)
    return tuple(i for i in sorted(good) if base.receipts[i].count)


def _base_error(
    layer: Layer, shard_index: int, sizes: Mapping[str, int], layered: bool
) -> CorruptShardError | None:
    receipt, path = layer.receipts.get(shard_index), layout.shard_path(shard_index)
    if receipt is None:
        return bad_shard(layer, path, "has no receipt: it has not been made yet")
    reason = _why_bad(receipt, sizes) or (_contradiction(receipt) if layered else None)
    return bad_shard(layer, path, reason) if reason else None


def _overlay_error(
    base: Layer, overlay: Layer, shard_index: int, sizes: Mapping[str, int]
) -> CorruptShardError | None:
    receipt, parent = overlay.receipts.get(shard_index), base.receipts.get(shard_index)
    if receipt is not None and parent is not None and is_stale(parent, receipt):
        path = layout.shard_path(shard_index)
        return CorruptShardError(
            f"{path} of {overlay.store.url} is stale: it was made from another {path} of "
            f"{base.store.url} than there is now; run the command that made the overlay again, "
            "which replaces its stale shards."
        )
    if parent is None and shard_index not in overlay.unusable:
        return None
    return receipt_error(overlay, shard_index, sizes)


def receipt_error(
    overlay: Layer, shard_index: int, sizes: Mapping[str, int]
) -> CorruptShardError | None:
    """Return why a shard of an overlay is bad, whatever its parent; None if it is not.

    Args:
        overlay: The overlay.
        shard_index: Index of the shard.
        sizes: Sizes of its tars by name, as listed.
    """
    path, receipt = layout.shard_path(shard_index), overlay.receipts.get(shard_index)
    if shard_index in overlay.unusable:
        unusable = "has a receipt that cannot be read, or that is not one of its plan"
        return bad_shard(overlay, path, unusable)
    if receipt is None:
        return None
    reason = _why_bad(receipt, sizes) or _contradiction(receipt)
    return bad_shard(overlay, path, reason) if reason else None


def _contradiction(receipt: Receipt) -> str | None:
    """Return why a receipt does not tell which samples there are."""
    num_slots = len(slots_of(receipt))
    if num_slots == receipt.count:
        return None
    return (
        f"has a receipt of {receipt.count} samples that leaves {counted(num_slots, 'slot')} "
        "for them"
    )


def _why_bad(receipt: Receipt, sizes: Mapping[str, int]) -> str | None:
    if receipt.count == 0:
        return None
    size = sizes.get(layout.shard_path(receipt.shard_index).rpartition("/")[2])
    if size is None:
        return "is missing"
    if size != receipt.num_bytes:
        return f"has {size:,} bytes, its receipt says {receipt.num_bytes:,}"
    return None

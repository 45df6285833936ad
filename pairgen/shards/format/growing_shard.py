"""A last, short shard is made again when its set grows: what it had must be in it still."""

from typing import Any

from pairgen.errors import PairgenError
from pairgen.receipts import Receipt
from pairgen.shards.format import layout
from pairgen.shards.format.index import IMAGE_CHECKSUM, decode_table
from pairgen.shards.storage.store import Store
from pairgen.sources.arrow_files import UNREADABLE
from pairgen.types import sample_key


class LostSampleError(PairgenError):
    """A shard made again would lack or alter a sample that its set has."""


def check_keeps(store: Store, before: Receipt, now: Receipt, index: bytes) -> None:
    """Check that a longer shard has every sample of the shorter one, from the same images.

    Args:
        store: The dataset folder, with the shorter shard.
        before: Its receipt.
        now: That of the longer one.
        index: The Parquet file of the longer one.

    Raises:
        LostSampleError: A sample would be lost, or its image is another one now.
    """
    failed = {slot.index for slot in before.failed}
    for slot in now.failed:
        if slot.index < before.stop and slot.index not in failed:
            raise LostSampleError(_told(store, before, slot.index, f"is lost: {slot.told}"))
    if not before.count or not now.count:
        return
    try:
        there = _checksums(store.read_bytes(layout.index_path(before.shard_index)), before)
    except FileNotFoundError:
        # As for a damaged one: nothing is known of what the images were.
        return
    for key, checksum in _checksums(index, now).items():
        if there.get(key, checksum) != checksum:
            raise LostSampleError(_told(store, before, int(key), "shows another image now"))


def _checksums(index: bytes, receipt: Receipt) -> dict[str, Any]:
    """Return the checksum of each sample's image by its key; nothing where the index has none."""
    try:
        table = decode_table(index, receipt.stop - receipt.start)
    except UNREADABLE:
        # `verify` finds it.
        return {}
    if not {"key", IMAGE_CHECKSUM} <= set(table.column_names):
        return {}
    keys, checksums = (table.column(name).to_pylist() for name in ("key", IMAGE_CHECKSUM))
    return dict(zip(keys, checksums, strict=True))


def _told(store: Store, before: Receipt, index: int, what: str) -> str:
    return (
        f"{layout.shard_path(before.shard_index)} of {store.url} cannot grow, because its sample "
        f"{sample_key(index)} {what}. The shard stays as it is: put the image back, or remove "
        f"{layout.receipt_path(before.shard_index)} to do without the sample."
    )

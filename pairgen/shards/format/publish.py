"""Publish a finished shard: tar, index, then the receipt, so that they always agree."""

import hashlib
from pathlib import Path

from pairgen.errors import PlanMismatchError
from pairgen.receipts import Receipt
from pairgen.shards.format import layout
from pairgen.shards.format.growing_shard import check_keeps
from pairgen.shards.format.manifest import may_replace, read_receipt, write_receipt
from pairgen.shards.storage.store import Store
from pairgen.types import ShardTask


def publish(
    store: Store, task: ShardTask, spooled: Path, index: bytes, receipt: Receipt
) -> Receipt:
    """Publish a shard; return its valid receipt, which may be another worker's.

    A shard that has a receipt is replaced only where `may_replace` says so. Two workers may run the
    same task, on machines whose bits differ: whichever finds a receipt drops its own work. Both may
    still pass that check at once, so after writing its receipt a worker checks that tar, index and
    receipt belong together. If not, it withdraws the receipt and must run the task again. The last
    to write is also the last to check, so the final state is known to agree.

    Args:
        store: The dataset folder.
        task: The shard's task.
        spooled: The finished tar; it is moved or removed.
        index: The shard's Parquet file.
        receipt: Receipt of this tar and index.

    Raises:
        ShardContestedError: Another worker published different bytes at the same moment.
        PlanMismatchError: The folder has this shard of another dataset.
        LostSampleError: The shard has grown, and lacks or alters a sample that it had.
        UnreadableReceiptError: The file at the receipt's path cannot be read.
        OSError: The folder cannot be read or written.
    """
    standing = read_receipt(store, task.shard_index)
    if standing is not None:
        if standing.fulfils(task):
            store.drop(spooled)
            return standing
        if not may_replace(task, standing):
            raise PlanMismatchError(
                f"{layout.shard_path(task.shard_index)} of {store.url} is finished and belongs to "
                "another dataset: give another --out."
            )
        if standing.begins(task):
            try:
                check_keeps(store, standing, receipt, index)
            except BaseException:
                store.drop(spooled)
                raise
    tar_path = layout.shard_path(task.shard_index)
    index_path = layout.index_path(task.shard_index)
    if receipt.count == 0:
        store.drop(spooled)
        store.remove(tar_path)
        store.remove(index_path)
    else:
        store.put_file(spooled, tar_path, receipt.sha256)
        store.put_bytes(index_path, index)
    write_receipt(store, receipt)
    final = read_receipt(store, task.shard_index)
    if final is not None and final.fulfils(task) and _agrees(store, final):
        return final
    store.remove(layout.receipt_path(task.shard_index))
    raise ShardContestedError(task.shard_index)


class ShardContestedError(Exception):
    """Two workers published different bytes of one shard at the same moment."""


def _agrees(store: Store, receipt: Receipt) -> bool:
    """Whether the published tar and index are those that the receipt names."""
    tar_path = layout.shard_path(receipt.shard_index)
    if receipt.count == 0:
        return not store.exists(tar_path)
    try:
        if store.size(tar_path) != receipt.num_bytes:
            return False
        tar = store.sha256(tar_path)
        index = hashlib.sha256(store.read_bytes(layout.index_path(receipt.shard_index)))
    except FileNotFoundError:
        return False
    return tar == receipt.sha256 and index.hexdigest() == receipt.index_sha256

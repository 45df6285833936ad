"""Receipts, and the manifest that folds them. There is no other record of progress."""

import hashlib
import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pairgen.errors import CorruptShardError
from pairgen.receipts import Manifest, Receipt, listed_in
from pairgen.shards.format import layout
from pairgen.shards.storage.read_ahead import read_ahead
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, ShardTask
from pairgen.untrusted.malformed import MalformedError

MAX_FOLDS = 3
# Receipts from which it pays to ask for the manifest first.
MANY = 64


class UnreadableReceiptError(CorruptShardError):
    """The file at a receipt's path is not a receipt of this version.

    Attributes:
        reason: Why, as the end of a sentence.
    """

    def __init__(self, where: str, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"{where} is not a receipt of this version: {reason}; run `pairgen repair` to make its "
            "shard again."
        )


def write_receipt(store: Store, receipt: Receipt) -> None:
    """Write a receipt; from then on, the shard is done."""
    store.put_bytes(layout.receipt_path(receipt.shard_index), encode_receipt(receipt))


def encode_receipt(receipt: Receipt) -> bytes:
    """Return the content of a receipt's file."""
    return receipt.to_json()


def read_receipt(store: Store, shard_index: int) -> Receipt | None:
    """Return a shard's receipt; None if there is none.

    Raises:
        UnreadableReceiptError: The file is not a receipt of this version.
        OSError: The store cannot be read.
    """
    path = layout.receipt_path(shard_index)
    try:
        return Receipt.from_json(store.read_bytes(path))
    except FileNotFoundError:
        return None
    except MalformedError as error:
        raise UnreadableReceiptError(f"{path} of {store.url}", str(error)) from None


def readable_receipt(store: Store, shard_index: int) -> Receipt | None:
    """Return a shard's receipt; None if there is none, or it cannot be read."""
    try:
        return read_receipt(store, shard_index)
    except UnreadableReceiptError:
        return None


def standing_receipts(store: Store) -> list[int]:
    """Return the shards that have a file at their receipt's path, in order."""
    return shards_of(store.names(layout.RECEIPTS))


def shards_of(names: Iterable[str]) -> list[int]:
    """Return the shards whose receipts have these names, in order; other names are left out."""
    stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return sorted(int(stem) for stem in stems if stem.isdecimal() and stem == f"{int(stem):05d}")


def iterate_receipts(store: Store, shards: Sequence[int]) -> Iterator[Receipt | None]:
    """Yield the receipt of each shard; None if it cannot be read. Only a few are held in memory.

    Raises:
        OSError: The store cannot be read.
    """
    return read_ahead(lambda shard_index: readable_receipt(store, shard_index), shards)


def find_receipts(store: Store, skip: Container[int] = ()) -> Iterator[tuple[int, Receipt | None]]:
    """Yield each shard that has a receipt, and the receipt; None if it cannot be read.

    Where a listing tells the hashes of files, receipts that are as the manifest has them are not
    read one by one: of thousands, each would be a request.

    Args:
        store: The dataset folder.
        skip: Shards to leave out.

    Raises:
        OSError: The store cannot be read.
    """
    md5s = store.md5s(layout.RECEIPTS)
    shards = [shard for shard in shards_of(md5s) if shard not in skip]
    known = _unchanged(store, md5s) if len(shards) >= MANY and any(md5s.values()) else {}
    read = iterate_receipts(store, [shard for shard in shards if shard not in known])
    for shard in shards:
        yield shard, known.get(shard) or next(read)


def _unchanged(store: Store, md5s: Mapping[str, str]) -> dict[int, Receipt]:
    """Return the receipts of the manifest whose files have the same content."""
    try:
        receipts = listed_in(store.read_bytes(layout.MANIFEST)).receipts
    except (FileNotFoundError, MalformedError):
        return {}
    found = {}
    for receipt in receipts:
        standing = md5s.get(f"{receipt.shard_index:05d}.json")
        # Receipts of earlier versions are not sealed.
        if any(_md5(receipt.to_json(sealed)) == standing for sealed in (True, False)):
            found[receipt.shard_index] = receipt
    return found


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def read_receipts(store: Store) -> list[Receipt]:
    """Return all readable receipts, by shard index.

    Raises:
        OSError: The store cannot be read.
    """
    return [receipt for _, receipt in find_receipts(store) if receipt is not None]


def fold(
    plan: Plan, receipts: Iterable[Receipt], tasks: Iterable[ShardTask] | None = None
) -> Manifest:
    """Return the manifest: which parts of the plan are done, and which are missing.

    Args:
        plan: The dataset's plan.
        receipts: Receipts of its folder.
        tasks: The tasks of the plan, from `overlay_tasks` if stale shards of an overlay are to
            count as missing; by default, as the plan gives them.
    """
    by_shard = {receipt.shard_index: receipt for receipt in receipts}
    done, missing = [], []
    for task in plan.tasks() if tasks is None else tasks:
        receipt = by_shard.get(task.shard_index)
        if receipt is not None and receipt.fulfils(task):
            done.append(receipt)
        else:
            missing.append(task)
    return Manifest(plan=plan, receipts=tuple(done), missing=tuple(missing))


def scan(store: Store, plan: Plan, tasks: Iterable[ShardTask] | None = None) -> Manifest:
    """Fold the receipts that are in the folder now."""
    return fold(plan, read_receipts(store), tasks)


def may_replace(task: ShardTask, standing: Receipt) -> bool:
    """Whether a task replaces a finished shard: nothing else but `repair` ever does.

    It does if the dataset has grown and this was its last, short shard, or if the shard is an
    overlay's and stale.
    """
    was_made_for_it = standing.fulfils(replace(task, parent_sha256=""))
    return standing.begins(task) or (was_made_for_it and standing.is_stale(task.parent_sha256))


def is_untouched(store: Store) -> bool:
    """Whether nothing was made in a folder yet, so that a corrected command may start over.

    Receipts alone are not enough: they may be lost, or on a disk that is not mounted. Where
    several commands make parts, others may be about to.
    """
    folders = (layout.RECEIPTS, layout.TRAIN, layout.INDEX)
    if store.exists(layout.PARTS) or any(store.names(folder) for folder in folders):
        return False
    return not _lists_receipts(store)


def _lists_receipts(store: Store) -> bool:
    """Whether the manifest lists finished shards."""
    try:
        return bool(listed_in(store.read_bytes(layout.MANIFEST)).receipts)
    except (FileNotFoundError, MalformedError):
        return False


def write_manifest(store: Store, manifest: Manifest) -> None:
    """Write the manifest, for readers that want one file."""
    data = json.dumps(manifest.to_dict(), ensure_ascii=False).encode("utf-8")
    store.put_bytes(layout.MANIFEST, data)


def fold_into_manifest(
    store: Store, plan: Plan, tasks: Sequence[ShardTask] | None = None
) -> Manifest:
    """Fold the receipts, write the manifest, and return it.

    Of several commands that end at once, each looks again after it has written: the last to write
    has seen the receipts of all. Where receipts keep coming, others are still at work and will
    write it.
    """
    for _ in range(MAX_FOLDS):
        seen = standing_receipts(store)
        manifest = scan(store, plan, tasks)
        write_manifest(store, manifest)
        if standing_receipts(store) == seen:
            break
    return manifest

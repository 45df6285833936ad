"""Receipts and their fold, the manifest. There is no other record of progress."""

import json
from collections.abc import Iterable, Iterator, Sequence

from pairgen.errors import CorruptShardError
from pairgen.shards.format import layout
from pairgen.shards.format.read_ahead import read_ahead
from pairgen.shards.format.store import Store
from pairgen.types import Manifest, Plan, Receipt


class UnreadableReceiptError(CorruptShardError):
    """A file stands where a receipt belongs, and is none of this version."""


def write_receipt(store: Store, receipt: Receipt) -> None:
    """Write a receipt: from now on the shard is done."""
    data = json.dumps(receipt.to_dict(), ensure_ascii=False).encode("utf-8")
    store.put_bytes(layout.receipt_path(receipt.shard_index), data)


def read_receipt(store: Store, shard_index: int) -> Receipt | None:
    """Return a shard's receipt; None when there is none.

    Raises:
        UnreadableReceiptError: What stands there is no receipt of this version.
        OSError: It could not be looked at.
    """
    path = layout.receipt_path(shard_index)
    try:
        return Receipt.from_dict(json.loads(store.read_bytes(path)))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnreadableReceiptError(
            f"{path} of {store.url} is not a receipt of this version: `pairgen repair` makes its "
            "shard again."
        ) from None


def readable_receipt(store: Store, shard_index: int) -> Receipt | None:
    """Return a shard's receipt; None when there is none, or none that can be read."""
    try:
        return read_receipt(store, shard_index)
    except UnreadableReceiptError:
        return None


def standing_receipts(store: Store) -> list[int]:
    """Return the shards that have a file where their receipt belongs, in order."""
    names = (name for name in store.names(layout.RECEIPTS) if name.endswith(".json"))
    stems = (name.removesuffix(".json") for name in names)
    return sorted(int(stem) for stem in stems if stem.isdecimal() and stem == f"{int(stem):05d}")


def iterate_receipts(store: Store, shards: Sequence[int]) -> Iterator[Receipt | None]:
    """Yield the receipt of each shard; None where it cannot be read. Only a few are held.

    Raises:
        OSError: The store could not be asked about one.
    """
    return read_ahead(lambda shard_index: readable_receipt(store, shard_index), shards)


def read_receipts(store: Store) -> list[Receipt]:
    """Return all readable receipts, by shard index.

    Raises:
        OSError: The store could not be asked about one.
    """
    receipts = iterate_receipts(store, standing_receipts(store))
    return [receipt for receipt in receipts if receipt is not None]


def fold(plan: Plan, receipts: Iterable[Receipt]) -> Manifest:
    """Return the manifest: what of the plan is done, and what is missing."""
    by_shard = {receipt.shard_index: receipt for receipt in receipts}
    done, missing = [], []
    for task in plan.tasks():
        receipt = by_shard.get(task.shard_index)
        if receipt is not None and receipt.fulfils(task):
            done.append(receipt)
        else:
            missing.append(task)
    return Manifest(plan=plan, receipts=tuple(done), missing=tuple(missing))


def scan(store: Store, plan: Plan) -> Manifest:
    """Fold the receipts that stand in the folder now."""
    return fold(plan, read_receipts(store))


def is_untouched(store: Store) -> bool:
    """Whether nothing was made in a folder yet, so that a corrected command may begin it anew.

    Receipts alone do not tell: they may be lost, or on a disk that is not there.
    """
    folders = (layout.RECEIPTS, layout.TRAIN, layout.INDEX)
    return not any(store.names(folder) for folder in folders) and not _lists_receipts(store)


def _lists_receipts(store: Store) -> bool:
    """Whether the manifest says that shards were finished."""
    try:
        return bool(json.loads(store.read_bytes(layout.MANIFEST))["receipts"])
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return False


def write_manifest(store: Store, manifest: Manifest) -> None:
    """Write the fold down, for readers that want one file."""
    data = json.dumps(manifest.to_dict(), ensure_ascii=False).encode("utf-8")
    store.put_bytes(layout.MANIFEST, data)

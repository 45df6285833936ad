"""Receipts and their fold, the manifest. There is no other record of progress."""

import json
from collections.abc import Iterable, Iterator, Sequence

import yaml

from pairgen.errors import ConfigError
from pairgen.shards import layout
from pairgen.shards.read_ahead import read_ahead
from pairgen.shards.store import Store
from pairgen.types import FORMAT_VERSION, Manifest, Plan, Receipt

_PLAN_REMEDY = f"undo that, or remove {layout.PLAN} and run the first command again"


def write_plan(store: Store, plan: Plan) -> None:
    """Write the plan; whole or not at all."""
    text = yaml.safe_dump(plan.to_dict(), sort_keys=False, allow_unicode=True, width=100)
    store.put_bytes(layout.PLAN, text.encode("utf-8"))


def has_plan(store: Store) -> bool:
    """Whether the folder holds a dataset."""
    return store.exists(layout.PLAN)


def read_plan(store: Store) -> Plan:
    """Read the plan of a dataset folder.

    Raises:
        ConfigError: There is no plan, or it cannot be read by this version.
    """
    if not has_plan(store):
        raise ConfigError(f"{store.url} is not a dataset folder: it has no {layout.PLAN}.")
    try:
        data = yaml.safe_load(store.read_bytes(layout.PLAN))
        if not isinstance(data, dict):
            raise TypeError("it holds no `key: value` lines")
        if data["format_version"] != FORMAT_VERSION:
            raise ConfigError(
                f"{store.url} has format version {data['format_version']}; "
                f"this pairgen reads {FORMAT_VERSION}."
            )
        plan = Plan.from_dict(data)
    except (yaml.YAMLError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"The plan of {store.url} cannot be read: {reason}; {_PLAN_REMEDY}."
        ) from None
    if plan.fingerprint() != data["fingerprint"]:
        raise ConfigError(
            f"The plan of {store.url} was edited: its fingerprint does not match its content; "
            f"{_PLAN_REMEDY}."
        )
    return plan


def write_receipt(store: Store, receipt: Receipt) -> None:
    """Write a receipt: from now on the shard is done."""
    data = json.dumps(receipt.to_dict(), ensure_ascii=False).encode("utf-8")
    store.put_bytes(layout.receipt_path(receipt.shard_index), data)


def read_receipt(store: Store, shard_index: int) -> Receipt | None:
    """Return a shard's receipt; None when there is none or it is unreadable."""
    try:
        data = json.loads(store.read_bytes(layout.receipt_path(shard_index)))
        return Receipt.from_dict(data)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        # An unreadable receipt vouches for nothing, so its shard is simply not done.
        return None


def standing_receipts(store: Store) -> list[int]:
    """Return the shards that have a file where their receipt belongs, in order."""
    names = (name for name in store.names(layout.RECEIPTS) if name.endswith(".json"))
    stems = (name.removesuffix(".json") for name in names)
    return sorted(int(stem) for stem in stems if stem.isdecimal() and stem == f"{int(stem):05d}")


def iterate_receipts(store: Store, shards: Sequence[int]) -> Iterator[Receipt | None]:
    """Yield the receipt of each shard; None where it cannot be read. Only a few are held."""
    return read_ahead(lambda shard_index: read_receipt(store, shard_index), shards)


def read_receipts(store: Store) -> list[Receipt]:
    """Return all readable receipts, by shard index."""
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


def write_manifest(store: Store, manifest: Manifest) -> None:
    """Write the fold down, for readers that want one file."""
    data = json.dumps(manifest.to_dict(), ensure_ascii=False).encode("utf-8")
    store.put_bytes(layout.MANIFEST, data)

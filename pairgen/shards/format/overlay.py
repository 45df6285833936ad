"""Overlays: folders that add members to the samples of a dataset without editing its tars.

An overlay has the layout of any dataset, with this plan:

    kind: overlay
    seed, samples_per_shard, source    the parent's
    recipe.parent                      the parent's fingerprint
    members                            the added members, and `json`

Shard i holds the keys of the parent's shard i, in the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pairgen.errors import ConfigError
from pairgen.shards.format.manifest import scan
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.store import Store
from pairgen.types import Plan, Receipt

KIND = "overlay"


@dataclass(frozen=True)
class Layer:
    """A dataset or one of its overlays: a folder of shards.

    Attributes:
        store: The folder.
        plan: Its plan.
        receipts: Receipts of its finished shards, by shard index.
    """

    store: Store
    plan: Plan
    receipts: Mapping[int, Receipt]


def open_layer(store: Store) -> Layer:
    """Read the plan and the receipts of a folder."""
    plan = read_plan(store)
    receipts = scan(store, plan).receipts
    return Layer(store, plan, {receipt.shard_index: receipt for receipt in receipts})


def check_overlay(parent: Layer, overlay: Layer) -> None:
    """Refuse an overlay that does not match its parent.

    Raises:
        ConfigError: It is not an overlay, or has another parent, shard size or sample count.
    """
    url, plan = overlay.store.url, overlay.plan
    if plan.kind != KIND:
        raise ConfigError(f"{url} is a dataset of kind {plan.kind!r}, not an overlay.")
    fingerprint = parent.plan.fingerprint()
    parent_named = str(plan.recipe.get("parent", ""))
    if parent_named != fingerprint:
        raise ConfigError(
            f"{url} is an overlay of the dataset {parent_named[:12]!r}, "
            f"but {parent.store.url} is {fingerprint[:12]}."
        )
    if plan.samples_per_shard != parent.plan.samples_per_shard:
        raise ConfigError(
            f"{url} has {plan.samples_per_shard} samples per shard, "
            f"but {parent.store.url} has {parent.plan.samples_per_shard}."
        )
    for shard_index, receipt in overlay.receipts.items():
        of_parent = parent.receipts.get(shard_index)
        if of_parent is not None and receipt.count != of_parent.count:
            raise ConfigError(
                f"{url} has {receipt.count} samples in shard {shard_index:05d}, "
                f"but {parent.store.url} has {of_parent.count}."
            )

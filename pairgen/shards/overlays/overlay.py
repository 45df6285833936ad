"""Overlays: folders that add members to the samples of a dataset without editing its tars.

An overlay has the layout of any dataset, with this plan (`overlay_plan`):

    kind: overlay
    seed, samples_per_shard            the parent's
    source                             the parent's inputs; `parent` says where the parent lies
    recipe.parent                      the fingerprint that the parent began with
    members                            the added members, and `json`

Shard i holds keys of the parent's shard i, in the same order. A key may be missing: its slot is
among the receipt's `failed`, as `skipped` if the parent has no such sample either, or if a
threshold leaves it out.

An overlay *by value* (`recipe.distinct` names a member of the parent) has a sample for each
distinct value instead, see `pairgen.shards.overlays.values`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen.errors import ConfigError
from pairgen.receipts import Receipt
from pairgen.redaction import url_without_secrets
from pairgen.shards.format.index import index_columns
from pairgen.shards.format.manifest import find_receipts, scan
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import Store
from pairgen.types import Plan
from pairgen.wording import counted

KIND = "overlay"
# Facts that every sample of a set and its overlays has, alike.
SHARED_FACTS = ("index", "seed")


@dataclass(frozen=True)
class Layer:
    """A dataset or one of its overlays: a folder of shards.

    Attributes:
        store: The folder.
        plan: Its plan.
        receipts: Receipts of its finished shards, by shard index; for an overlay, also that of a
            last shard that was shorter before the overlay grew.
        unusable: Shards with a file at the receipt's path that is not a receipt of this plan.
    """

    store: Store
    plan: Plan
    receipts: Mapping[int, Receipt]
    unusable: frozenset[int] = frozenset()


def open_layer(store: Store) -> Layer:
    """Read the plan and the receipts of a folder."""
    plan = read_plan(store)
    receipts = scan(store, plan).receipts
    return Layer(store, plan, {receipt.shard_index: receipt for receipt in receipts})


def open_overlay(store: Store) -> Layer:
    """Read the plan and the receipts of an overlay; tell unusable receipts from missing ones."""
    plan = read_plan(store)
    tasks = plan.tasks()
    receipts, unusable = {}, set()
    for shard_index, receipt in find_receipts(store):
        task = tasks[shard_index] if shard_index < len(tasks) else None
        if task and receipt and (receipt.fulfils(task) or receipt.begins(task)):
            receipts[shard_index] = receipt
        else:
            unusable.add(shard_index)
    return Layer(store, plan, receipts, frozenset(unusable))


def check_overlay(parent: Layer, overlay: Layer) -> None:
    """Refuse an overlay that does not match its parent.

    Raises:
        ConfigError: It is not an overlay, or has another parent or shard size.
    """
    url, plan = overlay.store.url, overlay.plan
    if plan.kind != KIND:
        raise ConfigError(f"{url} is a dataset of kind {plan.kind!r}, not an overlay.")
    fingerprint = parent.plan.origin
    parent_named = str(plan.recipe.get("parent", ""))
    if parent_named != fingerprint:
        raise ConfigError(
            f"{url} is an overlay of the dataset {parent_named[:12]!r}, "
            f"but {parent.store.url} is {fingerprint[:12]}."
        )
    if plan.samples_per_shard != parent.plan.samples_per_shard:
        raise ConfigError(
            f"{url} has {counted(plan.samples_per_shard, 'sample')} per shard, "
            f"but {parent.store.url} has {parent.plan.samples_per_shard}."
        )


def is_by_value(plan: Plan) -> bool:
    """Whether an overlay has a sample for each distinct value of a member of its parent."""
    return plan.kind == KIND and "distinct" in plan.recipe


def added_by(plan: Plan) -> list[str]:
    """Return the members that an overlay adds; the columns, if it adds no member."""
    members = plan.members.keys() - {"json"}
    return sorted(members or {*plan.members["json"]["keys"]} - set(SHARED_FACTS))


def offered_by(plan: Plan) -> set[str]:
    """Return all members and columns of a set or an overlay that its samples have."""
    # The index of an overlay by value has a row for each value, not for each sample.
    return set(plan.members) if is_by_value(plan) else {*plan.members, *index_columns(plan)}


def overlay_plan(
    parent: Plan,
    parent_url: str,
    members: Mapping[str, Any],
    recipe: Mapping[str, Any],
    *,
    teacher: Mapping[str, Any] | None = None,
    execution: Mapping[str, Any] | None = None,
    resolved: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the plan of an overlay with as many samples as its parent.

    Args:
        parent: The parent's plan.
        parent_url: Where the parent lies, an absolute path or a URL; not part of the identity.
        members: The added members, and `json` with its keys, as in `Plan.members`.
        recipe: How the members are made.
        teacher: The model that makes them, as in `Plan.teacher`; by default, none.
        execution: What the bits depend on, as in `Plan.execution`.
        resolved: Derived values, as in `Plan.resolved`.

    Raises:
        ConfigError: The parent is itself an overlay, or has one of the members or columns.
    """
    if parent.kind == KIND:
        raise ConfigError(f"{parent_url} is an overlay: overlays are made of its parent.")
    for name in sorted(members.keys() & parent.members.keys() - {"json"}):
        raise ConfigError(f"{parent_url} has a member {name!r} already: an overlay cannot add it.")
    facts = {*members["json"]["keys"]} - set(SHARED_FACTS)
    for name in sorted(facts & {*index_columns(parent)}):
        raise ConfigError(f"{parent_url} has a column {name!r} already: an overlay cannot add it.")
    inputs = {key: parent.source[key] for key in ("name", "sha256", "num_inputs")}
    return Plan(
        kind=KIND,
        seed=parent.seed,
        num_samples=parent.num_samples,
        samples_per_shard=parent.samples_per_shard,
        source={**inputs, "num_rejected": 0, "parent": url_without_secrets(parent_url)},
        teacher=teacher or {},
        recipe={**recipe, "parent": parent.origin},
        members=members,
        execution=execution or {},
        resolved=resolved or {},
    )

"""Check an overlay against its parent: whose it is, stale shards, and keys of no sample."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pairgen.errors import ConfigError
from pairgen.receipts import Receipt
from pairgen.shards.check.report import REDO_OVERLAY, Problem, counted_detail
from pairgen.shards.check.text_check import check_texts
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import find_receipts
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.overlays.annotations import find_parent
from pairgen.shards.overlays.catching_up import lag_text
from pairgen.shards.overlays.overlay import (
    KIND,
    Layer,
    check_overlay,
    is_by_value,
    open_layer,
    open_overlay,
)
from pairgen.shards.overlays.parent_shards import is_stale, slots_of
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, sample_key


@dataclass(frozen=True)
class Compared:
    """An overlay beside its parent.

    Attributes:
        problems: What is wrong.
        not_checked: What could not be checked, in words.
        lag: What the overlay does not cover yet, and what to run; empty for nothing.
    """

    problems: Sequence[Problem] = ()
    not_checked: Sequence[str] = ()
    lag: str = ""


def check_parent(store: Store, plan: Plan, shards: Sequence[int]) -> Compared:
    """Compare the receipts of an overlay to those of its parent, or to its texts; open no tar.

    Args:
        store: The folder.
        plan: Its plan. Only that of an overlay which says where its parent lies is compared.
        shards: Shards with a valid receipt.
    """
    if plan.kind != KIND or "parent" not in plan.source:
        return Compared()
    url = str(plan.source["parent"])
    try:
        parent = find_parent(store, plan)
        parent_plan = read_plan(parent)
    except (ConfigError, OSError) as error:
        told = f"against the parent {url}, which cannot be opened: {error}".rstrip(".")
        return Compared(not_checked=(told,))
    try:
        check_overlay(Layer(parent, parent_plan, {}), Layer(store, plan, {}))
    except ConfigError as error:
        return Compared([Problem("other parent", layout.PLAN, str(error).rstrip("."))])
    try:
        if is_by_value(plan):
            texts = Layer(store, plan, {})
            problems = list(check_texts(store, plan, shards))
            return Compared(problems, lag=lag_text(open_layer(parent), texts))
        overlay = open_overlay(store)
        # All that can be read: whether they fit the parent's plan, `verify` of the parent tells.
        readable = {i: receipt for i, receipt in find_receipts(parent) if receipt is not None}
        whole = Layer(parent, parent_plan, readable)
        return Compared(list(_check_shards(whole, overlay, shards)), lag=lag_text(whole, overlay))
    except OSError as error:
        told = f"against the parent {url}, which could not be read: {error}".rstrip(".")
        return Compared(not_checked=(told,))


def _check_shards(parent: Layer, overlay: Layer, shards: Sequence[int]) -> Iterator[Problem]:
    for shard_index in shards:
        if receipt := overlay.receipts.get(shard_index):
            of_parent = parent.receipts.get(shard_index)
            yield from _check_shard(shard_index, receipt, of_parent, parent.store)


def _check_shard(
    shard_index: int, receipt: Receipt, of_parent: Receipt | None, parent: Store
) -> Iterator[Problem]:
    path = layout.shard_path(shard_index)
    if of_parent is None:
        yield Problem("no parent", path, f"{parent.url} has no such finished shard")
        return
    if is_stale(of_parent, receipt):
        detail = f"made from another {path} of {parent.url} than there is now: {REDO_OVERLAY}"
        yield Problem("stale", path, detail)
    extra = np.setdiff1d(slots_of(receipt), slots_of(of_parent), assume_unique=True)
    if len(extra):
        subject = f"keys that {parent.url} does not have"
        first = sample_key(int(extra[0]))
        yield Problem("foreign key", path, counted_detail(subject, len(extra), first, ""))

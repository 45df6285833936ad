"""Describe the overlays in `DIR.annotations`: what they add, and whether they are up to date."""

from typing import Any

from pairgen.errors import ConfigError
from pairgen.shards.format.annotations import find_annotations
from pairgen.shards.format.catching_up import catch_up_command
from pairgen.shards.format.overlay import (
    Layer,
    added_by,
    check_overlay,
    is_by_value,
    open_layer,
    open_overlay,
)
from pairgen.shards.format.parent_shards import is_behind, is_stale
from pairgen.shards.format.store import Store
from pairgen.shards.format.values import covered
from pairgen.types import Plan
from pairgen.wording import counted

UP_TO_DATE = "up to date"
OF_ANOTHER_SET = "of another set"
# States that no command changes.
SETTLED = (UP_TO_DATE, OF_ANOTHER_SET)


def annotations_data(store: Store, plan: Plan) -> list[dict[str, Any]]:
    """Return name, additions, numbers of samples, state and command of every overlay as plain data.

    Of an overlay by value, the samples are the set's distinct texts. The command is what brings one
    up to date that is not.
    """
    overlays = [open_overlay(each) for each in find_annotations(store)]
    # Without overlays, the receipts need not be read again.
    parent = open_layer(store) if overlays else Layer(store, plan, {})
    states = [_state(parent, overlay) for overlay in overlays]
    return [
        {
            "name": overlay.store.url.rpartition("/")[2],
            "adds": added_by(overlay.plan),
            "num_samples": sum(receipt.count for receipt in overlay.receipts.values()),
            "num_planned": overlay.plan.num_samples
            if is_by_value(overlay.plan)
            else sum(receipt.count for receipt in parent.receipts.values()),
            "distinct": overlay.plan.recipe.get("distinct", ""),
            "state": state,
            "command": "" if state in SETTLED else catch_up_command(parent, overlay),
        }
        for overlay, state in zip(overlays, states, strict=True)
    ]


def _state(parent: Layer, overlay: Layer) -> str:
    try:
        check_overlay(parent, overlay)
    except ConfigError:
        return OF_ANOTHER_SET
    if is_by_value(overlay.plan):
        return _state_of_texts(parent, overlay)
    pairs = [(each, overlay.receipts.get(i)) for i, each in parent.receipts.items()]
    num_stale = sum(is_stale(*pair) for pair in pairs)
    num_behind = sum(is_behind(*pair) for pair in pairs)
    found = [f"{counted(num_behind, 'shard')} to make"] * bool(num_behind)
    found += [f"{counted(num_stale, 'shard')} stale"] * bool(num_stale)
    return ", ".join(found) or UP_TO_DATE


def _state_of_texts(parent: Layer, overlay: Layer) -> str:
    tasks = overlay.plan.tasks()
    receipts = [overlay.receipts.get(task.shard_index) for task in tasks]
    num_behind = sum(
        receipt is None or receipt.stop < task.stop
        for task, receipt in zip(tasks, receipts, strict=True)
    )
    found = [f"{counted(num_behind, 'shard')} to make"] * bool(num_behind)
    if overlay.plan.source.get("covers") != covered(parent):
        found.append("the set has changed")
    return ", ".join(found) or UP_TO_DATE

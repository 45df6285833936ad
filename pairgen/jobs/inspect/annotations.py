"""Describe the overlays in `DIR.annotations`: what they add, and whether they are up to date."""

from typing import Any

from pairgen.shards.overlays.annotations import find_annotations
from pairgen.shards.overlays.catching_up import catch_up_command
from pairgen.shards.overlays.overlay import (
    Layer,
    added_by,
    is_by_value,
    open_layer,
    open_overlay,
)
from pairgen.shards.overlays.overlay_state import OF_ANOTHER, UP_TO_DATE, overlay_state
from pairgen.shards.storage.store import Store
from pairgen.types import Plan

# States that no command changes.
SETTLED = (UP_TO_DATE, OF_ANOTHER)


def annotations_data(store: Store, plan: Plan) -> list[dict[str, Any]]:
    """Return name, additions, numbers of samples, state and command of every overlay as plain data.

    Of an overlay by value, the samples are the set's distinct texts. The command is what brings one
    up to date that is not.
    """
    overlays = [open_overlay(each) for each in find_annotations(store)]
    # Without overlays, the receipts need not be read again.
    parent = open_layer(store) if overlays else Layer(store, plan, {})
    states = [overlay_state(parent, overlay) for overlay in overlays]
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

"""Whether an overlay has all that its parent has, in words."""

from pairgen.errors import ConfigError
from pairgen.shards.overlays.overlay import Layer, check_overlay, is_by_value
from pairgen.shards.overlays.parent_shards import is_behind, is_stale
from pairgen.shards.overlays.values import covered
from pairgen.wording import counted

UP_TO_DATE, OF_ANOTHER = "up to date", "of another set"


def overlay_state(parent: Layer, overlay: Layer) -> str:
    """Return whether an overlay is of a dataset, and what it lacks; `UP_TO_DATE` for nothing."""
    try:
        check_overlay(parent, overlay)
    except ConfigError:
        return OF_ANOTHER
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

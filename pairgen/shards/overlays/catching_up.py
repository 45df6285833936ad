"""What an overlay lacks once its parent has grown, and the command that catches up."""

from collections.abc import Iterator

from pairgen.errors import PairgenError
from pairgen.shards.overlays.annotations import find_annotations, overlay_address
from pairgen.shards.overlays.overlay import (
    Layer,
    check_overlay,
    is_by_value,
    open_layer,
    open_overlay,
)
from pairgen.shards.overlays.parent_shards import slots_of
from pairgen.shards.overlays.values import covered
from pairgen.shards.storage.store import Store
from pairgen.wording import command_text, counted

# Name of the overlay that `pairgen degrade --overlay` makes beside its parent.
DEGRADED = "degraded"


def lag_text(parent: Layer, overlay: Layer) -> str:
    """Return a sentence about the samples that an overlay does not cover yet; empty for none.

    Args:
        parent: The set.
        overlay: An overlay of it.
    """
    url, command = parent.store.url, catch_up_command(parent, overlay)
    how = f"run `{command}`" if command else "run the command that made the overlay again"
    if is_by_value(overlay.plan):
        if overlay.plan.source.get("covers") == covered(parent):
            return ""
        return f"{url} has changed since its texts were annotated: {how}."
    num = _num_behind(parent, overlay)
    are = counted(num, f"sample of {url} is", f"samples of {url} are")
    return f"{are} not annotated yet: {how}." if num else ""


def catch_up_command(parent: Layer, overlay: Layer) -> str:
    """Return the command that continues an overlay; empty if another program made it."""
    url, recipe = parent.store.url, overlay.plan.recipe
    if "annotator" in recipe:
        name = str(recipe["annotator"])
        words, folder = ["annotate", url, "--add", name], name.rpartition(".")[2]
    elif "operations" in recipe:
        words, folder = ["degrade", "--from-ode", url, "--overlay"], DEGRADED
    else:
        return ""
    if overlay.store.url != overlay_address(url, folder):
        words += ["--out", overlay.store.url]
    return command_text("pairgen", *words)


def lags(store: Store) -> Iterator[str]:
    """Yield a sentence for each overlay in `DIR.annotations` that does not cover its set yet.

    Overlays that cannot be read, or belong to another set, are left to `verify`.

    Raises:
        OSError: A folder cannot be read.
    """
    parent = None
    for folder in find_annotations(store):
        parent = parent or open_layer(store)
        try:
            overlay = open_overlay(folder)
            check_overlay(parent, overlay)
            text = lag_text(parent, overlay)
        except PairgenError:
            continue
        if text:
            yield text


def _num_behind(parent: Layer, overlay: Layer) -> int:
    """Return the number of samples beyond the slots that the overlay's shards were made of."""
    num = 0
    for shard, receipt in parent.receipts.items():
        made = overlay.receipts.get(shard)
        num += int((slots_of(receipt) >= (0 if made is None else made.stop)).sum())
    return num

"""Open the overlays of a dataset that were not named, because something of theirs is asked for."""

from collections.abc import Collection, Sequence

from pairgen.errors import ConfigError
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.overlays.annotations import find_annotations
from pairgen.shards.overlays.overlay import Layer, offered_by, open_overlay


def open_annotations(layers: Sequence[Layer], asked: Collection[str]) -> list[Layer]:
    """Return the overlays in `DIR.annotations` that have a member or column that is asked for.

    What the dataset or a named overlay has is taken from there, and nothing is looked for; of
    other overlays, only the plan is read.

    Args:
        layers: The dataset, then its named overlays.
        asked: Members and columns that are read.

    Raises:
        ConfigError: Two overlays have the same member or column that is asked for.
    """
    missing = set(asked).difference(*(offered_by(layer.plan) for layer in layers))
    missing -= _drawn_again(layers[0])
    if not missing:
        return []
    found: list[Layer] = []
    named = {layer.store.url for layer in layers}
    for store in find_annotations(layers[0].store):
        plan = read_plan(store)
        wanted = missing & offered_by(plan)
        if not wanted or store.url in named:
            continue
        for other in found:
            for name in sorted(wanted & offered_by(other.plan)):
                raise ConfigError(
                    f"{name!r} is in {other.store.url} and in {store.url}: name one of them as "
                    "`overlays`, or move the other one away."
                )
        found.append(open_overlay(store))
    return found


def _drawn_again(base: Layer) -> set[str]:
    """Return the member that is made from its seed instead of read."""
    return {"noise.npy"} if base.plan.recipe.get("noise") == "seed" else set()

"""Describe a folder of sub-sets, as plain data and as text made from it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pairgen.drawing.table import left_aligned
from pairgen.errors import ConfigError
from pairgen.jobs.inspect.options import InspectConfig
from pairgen.shards.format.subsets import Subsets
from pairgen.shards.storage.store import Store
from pairgen.wording import command_text

COUNTS = ("num_samples", "num_planned", "num_shards", "num_shards_planned", "num_bytes")


def check_asked(
    store: Store, subsets: Subsets, keys: Sequence[str], options: InspectConfig
) -> None:
    """Refuse what only a single sub-set can show.

    Raises:
        ConfigError: Keys or a grid are asked for.
    """
    if keys or options.grid:
        what = "keys begin anew in each" if keys else "a grid shows one"
        raise ConfigError(
            f"{store.url} holds sub-sets, and {what}: name one of them, such as "
            f"{store.url}/{subsets.names[0]}."
        )


def subsets_data(store: Store, subsets: Subsets, sets: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what is in all sub-sets, and in each.

    Args:
        store: The folder.
        subsets: What they have in common.
        sets: The data of each.
    """
    totals = {name: sum(each[name] for each in sets) for name in COUNTS}
    found = dict(zip(subsets.names, sets, strict=True))
    return {"folder": store.url, "kind": subsets.plan.kind, **totals, "subsets": found}


def subsets_text(data: Mapping[str, Any]) -> str:
    """Format `subsets_data` as text."""
    head = [("folder", data["folder"]), ("kind", f"{data['kind']}, in sub-sets of one shape each")]
    folder, first = data["folder"], next(iter(data["subsets"]))
    more = f"More of one: {command_text('pairgen', 'inspect', f'{folder}/{first}')}"
    return "\n\n".join([left_aligned(head), left_aligned(subsets_rows(data)), more])


def subsets_rows(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return a line for each sub-set; the first are the titles."""
    rows: list[tuple[str, ...]] = [("sub-set", "samples", "shards", "bytes", "annotations")]
    for name, each in data["subsets"].items():
        adds = ", ".join(found["name"] for found in each["annotations"])
        where = f" ({each['where']['num_samples']:,} meet it)" if "where" in each else ""
        rows.append((name, *_counts(each, where), adds))
    return [*rows, ("all", *_counts(data), "")]


def _counts(data: Mapping[str, Any], where: str = "") -> tuple[str, str, str]:
    return (
        f"{data['num_samples']:,} of {data['num_planned']:,}{where}",
        f"{data['num_shards']:,} of {data['num_shards_planned']:,}",
        f"{data['num_bytes']:,}",
    )

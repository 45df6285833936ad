"""A folder of sub-sets: complete sets of one shape each, made together from one source.

`__meta__/subsets.yaml` names them and holds the plan that they have in common. It is written once
each of them has its plan, and is all that makes the folder more than its sub-folders.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pairgen.errors import ConfigError
from pairgen.shards.format import layout
from pairgen.shards.format.parsing.plan import parse_plan
from pairgen.shards.overlays.annotations import split_address
from pairgen.shards.storage.store import Store, open_store
from pairgen.types import FORMAT_VERSION, Plan
from pairgen.untrusted.malformed import MalformedError, shown
from pairgen.untrusted.yaml_text import load_yaml

# Key of the recipe: the buckets of a set as [width, height], one in each sub-set.
BUCKETS = "buckets"
MAX_SUBSETS = 10_000
# What a sub-folder may be called: data must not lead out of the folder.
_NAME = re.compile(r"[0-9A-Za-z_-]+")


@dataclass(frozen=True)
class Subsets:
    """What the sub-sets of a folder have in common.

    Attributes:
        plan: The plan of all samples, from which those of the sub-sets were made.
        names: Names of the sub-folders, in order.
    """

    plan: Plan
    names: tuple[str, ...]


def has_subsets(store: Store) -> bool:
    """Whether the folder holds sub-sets."""
    return store.exists(layout.SUBSETS)


def read_subsets(store: Store) -> Subsets:
    """Read what the sub-sets of a folder have in common.

    Raises:
        ConfigError: The file is damaged or edited.
    """
    try:
        return _parse(load_yaml(store.read_bytes(layout.SUBSETS)))
    except MalformedError as error:
        raise ConfigError(
            f"{layout.SUBSETS} of {store.url} cannot be read: {error}; remove it and run the "
            "command that made the folder again, with its --images."
        ) from None


def _parse(data: Any) -> Subsets:
    """Return what a file holds.

    Raises:
        MalformedError: It is no list of sub-sets, or was edited.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("plan"), Mapping):
        raise MalformedError("plan is missing")
    names, plan = data.get("names"), data["plan"]
    if not isinstance(names, list) or not 0 < len(names) <= MAX_SUBSETS:
        raise MalformedError("it names no sub-folders")
    if not all(isinstance(each, str) and _NAME.fullmatch(each) for each in names):
        raise MalformedError("it names no sub-folders")
    if plan.get("format_version") != FORMAT_VERSION:
        raise MalformedError(f"it has format version {shown(plan.get('format_version'))}")
    found = Subsets(parse_plan(plan), tuple(names))
    if found.plan.fingerprint() != plan["fingerprint"]:
        raise MalformedError("its plan was edited")
    return found


def write_subsets(store: Store, subsets: Subsets) -> None:
    """Write what the sub-sets of a folder have in common, atomically."""
    data = {"names": list(subsets.names), "plan": subsets.plan.to_dict()}
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    store.put_bytes(layout.SUBSETS, text.encode("utf-8"))


def open_subset(store: Store, name: str) -> Store:
    """Open a sub-set of a folder."""
    path, secrets = split_address(store.address)
    return open_store(f"{path}/{name}{secrets}")


def set_addresses(url: str | Path) -> list[str]:
    """Return the addresses of the sub-sets of a folder; that of the folder itself without any.

    Raises:
        ConfigError: The list of sub-sets is damaged.
    """
    store = open_store(url)
    if not has_subsets(store):
        return [str(url)]
    return [open_subset(store, name).address for name in read_subsets(store).names]


def open_sets(url: str | Path) -> list[Store]:
    """Open the sub-sets of a folder, or the folder itself if it holds none."""
    return [open_store(address) for address in set_addresses(url)]

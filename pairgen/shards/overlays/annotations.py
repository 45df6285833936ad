"""Where overlays lie that are found without being named: `DIR.annotations/NAME`, beside `DIR`."""

import re
from collections.abc import Iterator
from pathlib import Path

from pairgen.shards.format.manifest import standing_receipts
from pairgen.shards.format.plan_file import has_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store, open_store
from pairgen.types import Plan

SUFFIX = ".annotations"


def overlay_address(parent: str, name: str) -> str:
    """Return the address of an overlay from that of its parent."""
    path, secrets = split_address(parent)
    return f"{path}{SUFFIX}/{name}{secrets}"


def find_annotations(parent: Store) -> Iterator[Store]:
    """Yield the overlays in `DIR.annotations`, by name; whatever else lies there is passed over.

    One that has finished shards and has lost its plan is among them: whoever reads that is told.

    Raises:
        OSError: The folder cannot be read.
    """
    path, secrets = split_address(parent.address)
    for name in open_store(f"{path}{SUFFIX}{secrets}").names(""):
        overlay = open_store(overlay_address(parent.address, name))
        if has_plan(overlay) or standing_receipts(overlay):
            yield overlay


def find_parent(overlay: Store, plan: Plan) -> Store:
    """Return the folder of an overlay's parent.

    It is `DIR` for an overlay in `DIR.annotations`; else where the plan says; else, if both were
    moved together, the folder of that name beside the overlay. The first with a plan is taken.

    Raises:
        ConfigError: The plan's URL cannot be opened.
        OSError: A folder cannot be read.
    """
    path, secrets = split_address(overlay.address)
    folder = path.rpartition("/")[0]
    if folder.endswith(SUFFIX):
        annotated = open_store(folder.removesuffix(SUFFIX) + secrets)
        if has_plan(annotated):
            return annotated
    url = str(plan.source["parent"])
    parent = open_store(url)
    if isinstance(overlay, LocalStore) and isinstance(parent, LocalStore) and not has_plan(parent):
        beside = LocalStore(overlay.root.parent / Path(url).name)
        return beside if has_plan(beside) else parent
    return parent


def split_address(address: str) -> tuple[str, str]:
    """Split an address into its path and, of a URL, what follows `?` or `#`."""
    if "://" not in address:
        return address, ""
    path = re.split(r"[?#]", address, maxsplit=1)[0]
    return path.rstrip("/"), address[len(path) :]

"""Open the list of inputs of a set: prompts, texts or images."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from pairgen.additions import Addition
from pairgen.errors import CorruptShardError, short
from pairgen.regular_file import sha256_of
from pairgen.shards.storage.store import Store
from pairgen.sources.arrow_files import UNREADABLE, is_damage
from pairgen.sources.prompts import open_prompts
from pairgen.types import Plan

Read = TypeVar("Read")
# Key of a plan's source.
LIST_SHA256 = "list_sha256"
REMEDY = "put it back, or give the original inputs again; `pairgen verify` tells what else is wrong"


def read_list(store: Store, path: str, read: Callable[[Path], Read], remedy: str = REMEDY) -> Read:
    """Read a list of inputs.

    Args:
        store: The folder.
        path: The list in it.
        read: Reads a local file, with `UNREADABLE` errors.
        remedy: What to do if it is damaged.

    Raises:
        CorruptShardError: The file is missing or damaged.
        OSError: The store cannot be read.
    """
    try:
        with store.local(path) as local:
            return read(local)
    except UNREADABLE as error:
        is_missing = isinstance(error, FileNotFoundError)
        if not (is_missing or is_damage(error)):
            raise
        reason = "is missing" if is_missing else f"cannot be read: {short(str(error))}"
        raise CorruptShardError(f"{path} of {store.url} {reason}; {remedy}.") from None


def planned_prompts(plan: Plan, path: Path) -> pa.ChunkedArray:
    """Map the list of a plan's prompts.

    Raises:
        UNREADABLE: The file is damaged, or is not the list of the plan.
    """
    check_list(plan, path)
    prompts, planned = open_prompts(path), plan.source["num_inputs"]
    if len(prompts) != planned:
        raise ValueError(f"it has {len(prompts):,} prompts, the plan says {planned:,}")
    return prompts


def with_list(plan: Plan, sha256: str, number: int = 1) -> Plan:
    """Return a plan that records the SHA-256 of a list of inputs; none if it is empty.

    Args:
        plan: The plan.
        sha256: The hash of the file.
        number: Which of the lists: 1 for what the set began with, others for what it has gained.

    `source.sha256`, a part of the identity, is that of the content: another version of Arrow, or
    another place of the same images, makes another file.
    """
    if number == 1:
        others = {name: each for name, each in plan.source.items() if name != LIST_SHA256}
        return replace(plan, source={**others, **({LIST_SHA256: sha256} if sha256 else {})})
    own = plan.listed_additions[number - 2]
    additions = [
        (replace(each, list_sha256=sha256) if each == own else each).to_dict()
        for each in plan.additions
    ]
    return replace(plan, source={**plan.source, "additions": additions})


def check_list(plan: Plan, path: Path, addition: Addition | None = None) -> None:
    """Check that the file of a list is the one that the plan was written with, if it tells.

    Args:
        plan: The plan.
        path: The file.
        addition: The addition whose list it is; None for that of what the set began with.

    Raises:
        ValueError: It is another.
    """
    planned = addition.list_sha256 if addition else plan.source.get(LIST_SHA256)
    if not planned:
        return
    if (found := sha256_of(path)) != planned:
        raise ValueError(f"its SHA-256 is {found[:12]}, the plan says {planned[:12]}")

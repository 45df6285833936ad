"""Open the list of inputs of a set: prompts, texts or images."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from pairgen.errors import CorruptShardError, short
from pairgen.shards.format.store import Store
from pairgen.sources.arrow_files import UNREADABLE, is_damage
from pairgen.sources.prompts import open_prompts
from pairgen.types import Plan

Read = TypeVar("Read")
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
    prompts, planned = open_prompts(path), plan.source["num_inputs"]
    if len(prompts) != planned:
        raise ValueError(f"it has {len(prompts):,} prompts, the plan says {planned:,}")
    return prompts

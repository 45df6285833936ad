"""The parent of an overlay, for every kind of set that may be one: find it, and read its shards."""

import hashlib
from collections.abc import Collection, Mapping

from pairgen.errors import CorruptShardError
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.reader import map_file, read_samples
from pairgen.shards.overlays.annotations import find_parent
from pairgen.shards.overlays.overlay import Layer, check_overlay
from pairgen.shards.overlays.parent_shards import NO_TAR_SHA256
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, ShardTask

# Encoded members of a sample.
Stored = Mapping[str, bytes]
NO_SAMPLE = "the parent has no such sample"


def read_parent(parent: Store, task: ShardTask, reads: Collection[str]) -> dict[int, Stored]:
    """Return the members to read of every sample of a shard, still encoded, by slot.

    Raises:
        CorruptShardError: The shard is damaged, or not the one that the task names.
    """
    path = layout.shard_path(task.shard_index)
    if task.parent_sha256 == NO_TAR_SHA256:
        return {}
    found: dict[int, Stored] = {}
    try:
        with parent.local(path) as local, map_file(local) as view:
            sha256 = hashlib.sha256(view).hexdigest()
            if task.parent_sha256 not in ("", sha256):
                raise CorruptShardError("its bytes are not those that its receipt names")
            for stored in read_samples(view):
                found[int(stored.key)] = {
                    name: bytes(stored.members[name]) for name in reads if name in stored.members
                }
                # Release the view before its file is closed.
                stored.members.clear()
    except (CorruptShardError, FileNotFoundError) as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else str(error)
        raise CorruptShardError(
            f"{path} of {parent.url} cannot be annotated: {reason}; run `pairgen repair` on that "
            "dataset, then this command again."
        ) from None
    return found


def planned_parent(plan: Plan, store: Store) -> Layer:
    """Find the parent of an overlay, without its receipts.

    Raises:
        ConfigError: It is not there, or is not the planned one.
    """
    parent = find_parent(store, plan)
    found = Layer(parent, read_plan(parent), {})
    check_overlay(found, Layer(store, plan, {}))
    return found

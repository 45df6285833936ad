"""Write the lists of inputs beside a dataset, and move them to their places."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pairgen.regular_file import sha256_of
from pairgen.shard_range import ALL_SHARDS, ShardRange
from pairgen.shards.format.input_lists import with_list
from pairgen.shards.format.plan_file import has_plan, write_plan
from pairgen.shards.storage.store import Store
from pairgen.types import Plan


@contextmanager
def spooled_input(store: Store, name: str) -> Iterator[Path]:
    """Yield a path for the list of inputs; on failure, remove the folder if it is empty."""
    with spooled_lists(store, lambda _: name) as path_of:
        yield path_of(1)


@contextmanager
def spooled_lists(store: Store, name_of: Callable[[int], str]) -> Iterator[Callable[[int], Path]]:
    """Yield what gives a path for each list of inputs, as `spooled_input` does for one."""
    spooled: dict[int, Path] = {}

    def path_of(number: int) -> Path:
        if number not in spooled:
            spooled[number] = store.spool(name_of(number))
        return spooled[number]

    failed = True
    try:
        yield path_of
        failed = False
    finally:
        # Nothing happens if it has moved to its place.
        for path in spooled.values():
            store.drop(path)
        if failed and not has_plan(store):
            store.prune()


def put_inputs(
    store: Store,
    spooled: Path,
    path: str,
    plan: Plan,
    shard_range: ShardRange,
    number: int = 1,
) -> Plan:
    """Move a list of inputs, by its number, to its place; return the plan with its hash.

    A part leaves a list that is there, and records no hash of another: whose list stands in the
    end is not known.

    Other parts may read it on other machines, where a file system of the network would end their
    reading if another file took its place.
    """
    is_part, sha256 = shard_range != ALL_SHARDS, sha256_of(spooled)
    if is_part and store.exists(path) and store.sha256(path) == sha256:
        store.drop(spooled)
        return plan
    store.put_file(spooled, path)
    put = with_list(plan, "" if is_part else sha256, number)
    if is_part and put != plan:
        # Images have moved: the plan, which stands already, must not tell the list before.
        write_plan(store, put)
    return put

"""Keep the manifest of a store behind a network near its receipts while a run goes on.

A receipt that the manifest has costs its readers no request of its own. A run that is killed would
else leave them all to be fetched one by one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread

from pairgen.errors import PairgenError
from pairgen.shards.format.manifest import scan, write_manifest
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, ShardTask

SECONDS_BETWEEN_FOLDS = 300.0


@contextmanager
def folding(store: Store, plan: Plan, tasks: Sequence[ShardTask] | None) -> Iterator[None]:
    """Fold the receipts into the manifest every few minutes, in a thread; not on a local disk.

    Args:
        store: The dataset folder.
        plan: Its plan.
        tasks: All tasks of the plan, as for `scan`.
    """
    ended = Event()

    def fold_now_and_then() -> None:
        while not ended.wait(SECONDS_BETWEEN_FOLDS):
            # Only the workers' failures end a run: without this, it costs its readers time.
            with suppress(PairgenError, OSError):
                write_manifest(store, scan(store, plan, tasks))

    if isinstance(store, LocalStore):
        yield
        return
    thread = Thread(target=fold_now_and_then, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # Nothing older may replace the last fold.
        thread.join()

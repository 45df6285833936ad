"""Check a dataset on an executor, in this process or on Ray workers, and show progress."""

from collections.abc import Callable, Sequence

from pairgen.execution.progress import Progress
from pairgen.execution.run import check_executor, names_cluster, run_tasks, stop_on_signal
from pairgen.kinds.run_options import CheckOptions, WorkerOptions
from pairgen.shards.check.check_job import CheckJob
from pairgen.shards.check.report import Report
from pairgen.shards.check.scope import Scope
from pairgen.shards.check.shard_check import ShardFindings
from pairgen.shards.check.verify import verify
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import Store
from pairgen.types import ShardTask


def find_readers(options: CheckOptions) -> WorkerOptions:
    """Return where to read; `auto` means ray if a cluster is named, else serial."""
    executor = options.executor
    if executor == "auto":
        executor = "ray" if names_cluster(options.address) else "serial"
    return WorkerOptions(
        executor=executor,
        num_workers=options.num_workers,
        address=options.address,
        gpus_per_worker=0.0,
    )


def check_set(store: Store, scope: Scope, readers: WorkerOptions) -> Report:
    """Check a dataset and show progress.

    Raises:
        ConfigError: The folder holds no dataset, or the cluster cannot be reached.
    """
    num_shards = read_plan(store).num_shards
    check_executor(readers)
    progress = Progress(num_shards, 0, unit="receipts read")

    def run(
        job: CheckJob, tasks: Sequence[ShardTask], on_found: Callable[[ShardFindings], None]
    ) -> None:
        progress.turn_to(len(tasks), "shards checked")
        events = _Events(progress, on_found)
        with stop_on_signal(events) as stop:
            run_tasks(job, tasks, readers, events, stop)

    try:
        return verify(store, scope, run, lambda num_done, _: progress.reached(num_done))
    finally:
        progress.close()


class _Events:
    """Passes on what executors find; each checked shard counts once, whatever its size."""

    def __init__(self, progress: Progress, on_found: Callable[[ShardFindings], None]) -> None:
        self._progress, self._on_found = progress, on_found
        self._num_checked = 0

    def started(self, worker: str, task: ShardTask) -> None:
        """A worker took a shard."""

    def advanced(self, worker: str, num_done: int) -> None:
        """A worker reports progress within a shard."""

    def finished(self, worker: str, result: ShardFindings) -> None:
        """A worker has checked a shard."""
        del worker
        self._num_checked += 1
        self._on_found(result)
        self._progress.reached(self._num_checked)

    def uploading(self, worker: str, task: ShardTask) -> None:
        """Findings are not uploaded."""

    def upload_ended(self, worker: str, task: ShardTask) -> None:
        """Findings are not uploaded."""

    def lost(self, worker: str, reason: str) -> None:
        """A worker died; its shard goes to another worker."""
        self._progress.lost(worker, reason)

    def ended(self, worker: str) -> None:
        """A worker ended its task without findings."""

    def note(self, message: str) -> None:
        """Print a message for the user."""
        self._progress.note(message)

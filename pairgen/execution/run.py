"""Run the missing tasks of a plan: scan the receipts, execute the rest, fold the receipts again."""

import math
import os
import signal
import threading
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType, ModuleType

from pairgen.errors import ConfigError
from pairgen.execution.events import Events
from pairgen.execution.executor import AnyJob, run_serial
from pairgen.execution.folding import folding
from pairgen.execution.own_code import CodeOfRun, parts_of
from pairgen.execution.ray.token import has_token
from pairgen.execution.scheduling.rules import Rules
from pairgen.execution.stopping import Stop
from pairgen.execution.worker import Job
from pairgen.kinds.run_options import MakingOptions, WorkerOptions
from pairgen.own_code.modules import files_to_send
from pairgen.process_state import own_environment
from pairgen.receipts import Manifest
from pairgen.shards.format.manifest import fold_into_manifest, write_manifest
from pairgen.shards.storage.store import Store
from pairgen.trust import current_trust
from pairgen.types import Plan, ShardTask

DEFAULT_RULES = Rules()
STOPPING = "Stopping after the shards in progress; press Ctrl-C again to stop now."


def run_missing(
    store: Store,
    plan: Plan,
    before: Manifest,
    options: MakingOptions,
    events: Events,
    tasks: Sequence[ShardTask] | None = None,
    shards: Container[int] | None = None,
) -> tuple[Manifest, bool]:
    """Make the missing shards; return the new manifest, and whether the user asked to stop.

    Args:
        store: The dataset folder, with its plan written.
        plan: The plan.
        before: The manifest before this run.
        options: Executor and number of workers.
        events: Callbacks for progress.
        tasks: All tasks of the plan, as for `scan`.
        shards: The shards to make, if missing; None for all.

    Raises:
        PairgenError: The run cannot continue; finished shards are kept.
    """
    store.remove_stale_spool()
    # Before the first shard, because the manifest holds a copy of the plan.
    write_manifest(store, before)
    missing = [task for task in before.missing if shards is None or task.shard_index in shards]
    if not missing:
        return before, False
    job = Job(
        plan=plan.to_dict(),
        store_url=store.address,
        trust=current_trust(),
        accepts_changed_code=options.accept_changed_code,
        files=tuple(files_to_send(parts_of(plan))),
    )
    code = CodeOfRun(store, plan, events)
    with stop_on_signal(events, grace=options.grace) as stop:
        try:
            with folding(store, plan, tasks):
                run_tasks(job, missing, options, code.events, stop)
        finally:
            code.say_later()
            manifest = fold_into_manifest(store, code.plan, tasks)
    return manifest, stop.is_set()


def run_tasks(
    job: AnyJob,
    tasks: Sequence[ShardTask],
    options: WorkerOptions,
    events: Events,
    stop: threading.Event,
    rules: Rules = DEFAULT_RULES,
) -> None:
    """Run a job's tasks on the executor that the options name.

    Args:
        job: The job.
        tasks: Its tasks.
        options: Executor and number of workers.
        events: Callbacks for progress.
        stop: The request to stop.
        rules: When Ray's workers run a task twice or are given up.

    Raises:
        PairgenError: The run cannot continue.
    """
    if choose_executor(options) == "serial":
        run_serial(job, tasks, events, stop)
        return
    with _ray_executor() as executor:
        ray_options = executor.RayOptions(
            num_workers=options.num_workers,
            gpus_per_worker=options.gpus_per_worker,
            address=options.address,
            grace=options.grace,
            rules=replace(rules, stuck_after=options.stuck_after or math.inf),
        )
        executor.run_ray(job, tasks, events, stop, ray_options)


def choose_executor(options: WorkerOptions) -> str:
    """Resolve `auto`: ray if RAY_ADDRESS is set or there are several GPUs, else serial."""
    if options.executor != "auto":
        return options.executor
    if names_cluster(options.address):
        return "ray"
    import torch

    return "ray" if torch.cuda.device_count() > 1 else "serial"


def names_cluster(address: str) -> bool:
    """Whether an option or the environment names a running Ray cluster."""
    return bool(address or os.environ.get("RAY_ADDRESS"))


def is_on_cluster(executor: str, address: str) -> bool:
    """Whether options send the work to a running Ray cluster."""
    return executor != "serial" and names_cluster(address)


def count_workers(options: WorkerOptions) -> int:
    """Return the number of concurrent workers of a run.

    Raises:
        ConfigError: The cluster cannot be reached.
    """
    if choose_executor(options) == "serial":
        return 1
    if options.num_workers:
        return options.num_workers
    with _ray_executor() as executor:
        num_workers: int = executor.count_workers(options.address, options.gpus_per_worker)
    return num_workers


@contextmanager
def stop_on_signal(
    events: Events, message: str = STOPPING, grace: float | None = None
) -> Iterator[Stop]:
    """Turn the first Ctrl-C or SIGTERM into a request to stop; a second Ctrl-C interrupts.

    Args:
        events: Callbacks for progress; `note` receives the message.
        message: What to print when a stop is requested.
        grace: Seconds from SIGTERM to the end; None if it is a request like Ctrl-C.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def request_stop(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        if number == signal.SIGTERM and grace is not None:
            stop.give_notice(grace)
            events.note(f"Stopping within {grace:g} s: what takes longer will be dropped.")
        else:
            stop.set()
            events.note(message)

    before = {
        number: signal.signal(number, request_stop) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_executor(options: WorkerOptions) -> None:
    """Raise ConfigError if the executor is not available; call this before writing anything."""
    if choose_executor(options) == "ray":
        with _ray_executor() as executor:
            executor.check_reachable(options.address)


@contextmanager
def _ray_executor() -> Iterator[ModuleType]:
    """Import the Ray executor; while it is in use, set the environment variables Ray needs."""
    with own_environment():
        _offer_ray_token()
        try:
            from pairgen.execution.ray import executor
        except ModuleNotFoundError as error:
            if error.name != "ray":
                raise
            raise ConfigError(
                "The ray executor needs Ray: pip install 'pairgen[ray]', or use --executor serial."
            ) from None
        yield executor


def _offer_ray_token() -> None:
    """Let Ray use this user's token, if there is one; call this before importing Ray.

    Since 2.60, `ray start` protects a cluster with a token if the machine has one, and a driver
    that joins by HOST:PORT sends it only in this mode. An open cluster accepts it as well.
    """
    if has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")

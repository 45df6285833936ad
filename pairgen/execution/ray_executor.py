"""The Ray executor: one actor per GPU pulls tasks. This is the only file that imports Ray.

Samples never travel: an actor writes a shard and returns its receipt, or checks one and returns
its findings. Actors receive a plain job and no object references, so Ray can restart them. Ray may
run a task twice, which receipts make harmless. There is no other state: a new driver continues
from the receipts.
"""

import math
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError, RayTaskError

from pairgen.errors import ConfigError, PairgenError
from pairgen.execution.executor import AnyJob, Events
from pairgen.execution.ray_metrics import MetricEvents
from pairgen.execution.ray_options import (
    RayOptions,
    actor_environment,
    check_reachable,
    room_for,
)
from pairgen.execution.shard_actor import ShardActor
from pairgen.process_state import own_environment
from pairgen.types import ShardTask

# Give up on a shard that kills this many workers: the shard is at fault, not the machines.
MAX_DEATHS_PER_SHARD = 10
# An unexpected error is retried on another worker before it stops the run.
MAX_ERRORS_PER_SHARD = 2
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_STATUS_CALLS = 2.0
SECONDS_BETWEEN_ROOM_CHECKS = 5.0
SECONDS_UNTIL_WAITING_NOTE = 60.0


@dataclass(eq=False)
class _Seat:
    """An actor, as the driver sees it."""

    name: str
    actor: Any
    task: ShardTask | None = None
    is_loaded: bool = False
    num_deaths_before_load: int = 0


@dataclass
class _Pool:
    """State of one run: the seats, and what each pending reference stands for."""

    job: AnyJob
    events: Events
    options: RayOptions
    pending: deque[ShardTask]
    seats: list[_Seat] = field(default_factory=list)
    loads: dict[Any, _Seat] = field(default_factory=dict)
    runs: dict[Any, _Seat] = field(default_factory=dict)
    statuses: dict[Any, _Seat] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)
    errors: Counter[int] = field(default_factory=Counter)
    num_failed_loads: int = 0


def run_ray(
    job: AnyJob,
    tasks: Sequence[ShardTask],
    events: Events,
    stop: threading.Event,
    options: RayOptions,
) -> None:
    """Run the tasks on a Ray cluster.

    Raises:
        ConfigError: The cluster cannot be reached, or no worker can load what it needs.
        PairgenError: A batch does not fit in memory, or a shard fails repeatedly.
        OSError: The disk is full or unavailable.
    """
    with _connected(options.address):
        told = MetricEvents(events, tasks[0].fingerprint if tasks else "")
        pool = _Pool(job, told, options, deque(tasks))
        try:
            _drive(pool, stop)
        finally:
            told.close()
            for seat in pool.seats:
                ray.kill(seat.actor)


def _drive(pool: _Pool, stop: threading.Event) -> None:
    """Hand out tasks until none is pending or running."""
    last_room_check = last_status_call = -math.inf
    waiting_note_due = time.monotonic() + SECONDS_UNTIL_WAITING_NOTE
    while pool.runs or (pool.pending and not stop.is_set()):
        now = time.monotonic()
        if now - last_room_check >= SECONDS_BETWEEN_ROOM_CHECKS:
            last_room_check = now
            _add_seats(pool)
        if not stop.is_set():
            _hand_out(pool)
        if now - last_status_call >= SECONDS_BETWEEN_STATUS_CALLS:
            last_status_call = now
            _ask_for_status(pool)
        references = [*pool.loads, *pool.runs, *pool.statuses]
        ready, _ = ray.wait(references, num_returns=1, timeout=SECONDS_BETWEEN_LOOKS)
        for reference in ready:
            if reference in pool.loads:
                _on_loaded(pool, reference)
            elif reference in pool.runs:
                _on_ran(pool, reference)
            else:
                _on_status(pool, reference)
        if any(seat.is_loaded for seat in pool.seats):
            waiting_note_due = math.inf
        elif now > waiting_note_due:
            waiting_note_due = math.inf
            pool.events.note(
                f"Still waiting for the first worker; the cluster has {ray.cluster_resources()}."
            )


def count_workers(address: str, gpus_per_worker: float) -> int:
    """Return how many actors fit on the cluster, or on this machine without one; start none.

    Raises:
        ConfigError: The cluster cannot be reached.
    """
    if not (address or os.environ.get("RAY_ADDRESS")):
        here = {"CPU": float(os.cpu_count() or 1), "GPU": float(torch.cuda.device_count())}
        return room_for(here, gpus_per_worker)
    with _connected(address):
        return room_for(ray.cluster_resources(), gpus_per_worker)


def _add_seats(pool: _Pool) -> None:
    """Start actors up to the requested number, or to what the cluster has room for."""
    resources = ray.cluster_resources()
    num_gpus, num_cpus = resources.get("GPU", 0.0), resources.get("CPU", 1.0)
    wanted = pool.options.num_workers or room_for(resources, pool.options.gpus_per_worker)
    options: dict[str, Any]
    if num_gpus > 0 and pool.options.gpus_per_worker > 0:
        options = {"num_gpus": pool.options.gpus_per_worker, "num_cpus": 0}
    else:
        # Request less than a core per worker if there are more workers than cores: otherwise a
        # third one on two cores would wait forever. Ray counts in steps of 0.0001.
        if not pool.seats and pool.options.num_workers > num_cpus:
            pool.events.note(
                f"{pool.options.num_workers} workers share {num_cpus:g} cores; "
                "each starts its own process and loads its own copy of what it needs."
            )
        share = min(1.0, num_cpus / wanted)
        options = {"num_gpus": 0, "num_cpus": math.floor(share * 10_000) / 10_000}
    environment = actor_environment(pool.job, os.environ)
    for number in range(len(pool.seats), wanted):
        actor = (
            ray.remote(ShardActor)
            .options(
                max_restarts=-1,
                # One call makes shards, the other reports progress.
                max_concurrency=2,
                scheduling_strategy="SPREAD",
                runtime_env={"env_vars": environment},
                **options,
            )
            .remote(pool.job)
        )
        seat = _Seat(f"worker {number}", actor)
        pool.seats.append(seat)
        pool.loads[actor.load.remote()] = seat


def _hand_out(pool: _Pool) -> None:
    """Give every idle actor a task."""
    for seat in pool.seats:
        if seat.is_loaded and seat.task is None and pool.pending:
            seat.task = pool.pending.popleft()
            pool.runs[seat.actor.run.remote(seat.task)] = seat
            pool.events.started(seat.name, seat.task)


def _ask_for_status(pool: _Pool) -> None:
    """Request the progress of every running actor, unless a request is still pending."""
    pending = {id(seat) for seat in pool.statuses.values()}
    for seat in pool.runs.values():
        if id(seat) not in pending:
            pool.statuses[seat.actor.status.remote()] = seat


def _on_loaded(pool: _Pool, reference: Any) -> None:
    seat = pool.loads.pop(reference)
    try:
        place = ray.get(reference)
    except RayTaskError as error:
        _give_up_seat(pool, seat, _cause(error))
    except RayActorError as error:
        seat.num_deaths_before_load += 1
        if seat.num_deaths_before_load >= MAX_DEATHS_PER_SHARD:
            _give_up_seat(pool, seat, PairgenError(f"it died while loading: {error}"))
        else:
            pool.loads[seat.actor.load.remote()] = seat
    else:
        seat.is_loaded = True
        seat.num_deaths_before_load = 0
        pool.events.note(f"{seat.name}: {place}")


def _give_up_seat(pool: _Pool, seat: _Seat, error: Exception) -> None:
    """Go on without a worker that cannot load what it needs; stop if none can."""
    pool.num_failed_loads += 1
    pool.events.lost(seat.name, str(error))
    if pool.num_failed_loads == len(pool.seats):
        raise error


def _on_ran(pool: _Pool, reference: Any) -> None:
    seat = pool.runs.pop(reference)
    task, seat.task = seat.task, None
    assert task is not None
    try:
        result = ray.get(reference)
    except RayTaskError as error:
        cause = _cause(error)
        pool.errors[task.shard_index] += 1
        known = isinstance(cause, PairgenError | OSError)
        if known or pool.errors[task.shard_index] >= MAX_ERRORS_PER_SHARD:
            raise cause from None
        pool.pending.append(task)
        pool.events.lost(seat.name, f"{type(cause).__name__}: {cause}")
    except RayActorError:
        pool.deaths[task.shard_index] += 1
        if pool.deaths[task.shard_index] >= MAX_DEATHS_PER_SHARD:
            raise PairgenError(
                f"Shard {task.shard_index:05d} killed {MAX_DEATHS_PER_SHARD} workers; "
                "see the Ray logs for the cause."
            ) from None
        pool.pending.appendleft(task)
        # Ray restarts the actor, here or on another node; it gets no task until it has loaded.
        seat.is_loaded = False
        pool.loads[seat.actor.load.remote()] = seat
        pool.events.lost(seat.name, "its process or node died; the shard goes to another worker")
    else:
        pool.events.finished(seat.name, result)


def _on_status(pool: _Pool, reference: Any) -> None:
    seat = pool.statuses.pop(reference)
    try:
        num_done = ray.get(reference)
    except (RayActorError, RayTaskError):
        # The reference of the run reports the death.
        return
    pool.events.advanced(seat.name, num_done)


def _cause(error: RayTaskError) -> Exception:
    """Return the exception that the actor raised."""
    cause = error.cause
    return cause if isinstance(cause, Exception) else error


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Join a running cluster, or start one on this machine for the duration of the run."""
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS", "") or "local"
    local_only = {"include_dashboard": False} if address == "local" else {}
    check_reachable(address)
    # Ray itself sets variables as well.
    with own_environment():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray.init(address=address, logging_level="ERROR", log_to_driver=False, **local_only)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"The Ray cluster {address!r} cannot be reached: {reason}") from None
        try:
            yield
        finally:
            ray.shutdown()

"""The Ray executor: one actor per GPU pulls tasks. This is the only file that imports Ray.

Samples never travel: an actor writes a shard and returns its receipt, or checks one and returns its
findings. Actors receive a plain job and no object references, so Ray can restart them. Ray may run
a task twice, which receipts make harmless: there is no other state. Who runs what is decided in
`scheduling`. Answers come through a queue: `ray.wait` would look at all references for each.
"""

import atexit
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError, RayError, RayTaskError

from pairgen.errors import ConfigError, PairgenError
from pairgen.execution.events import Events
from pairgen.execution.executor import AnyJob
from pairgen.execution.ray.metrics import MetricEvents
from pairgen.execution.ray.options import (
    RayOptions,
    actor_environment,
    check_reachable,
    explained,
    files_environment,
    room_for,
    share_of,
    without_files,
)
from pairgen.execution.ray.shard_actor import ShardActor
from pairgen.execution.scheduling import notes
from pairgen.execution.scheduling.driver import SECONDS_BETWEEN_LOOKS, Driver
from pairgen.execution.scheduling.fleet import Died, Failed
from pairgen.execution.scheduling.scheduler import Scheduler
from pairgen.execution.scheduling.task_run import Run
from pairgen.execution.stopping import due_of
from pairgen.process_state import keeping_sigterm, own_environment
from pairgen.types import ShardTask

SECONDS_BETWEEN_ROOM_CHECKS = 5.0
# Ray ends the process without a word once its head has been gone for 60 s.
SECONDS_UNTIL_HEAD_IS_LOST = 40.0

# A method of the driver, what it is about, and its answer.
_Message = tuple[Callable[..., None], tuple[Any, ...], Any]


class _HeadLostError(PairgenError):
    """The head of the cluster does not answer, so that no call of Ray's would return."""

    def __init__(self) -> None:
        super().__init__(
            "The head of the Ray cluster does not answer any more; finished shards are kept: "
            "start a cluster, and run the same command again."
        )


class _RayFleet:
    """Actors by number; their answers arrive in `inbox`."""

    def __init__(self, job: AnyJob, options: RayOptions) -> None:
        self.inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self.resources: dict[str, float] = {}
        # Set once it exists: it needs the fleet.
        self.driver: Driver
        self._job, self._options = without_files(job), options
        self._actors: list[Any] = []

    def add(self, number: int, num_workers: int) -> None:
        """Start an actor."""
        assert number == len(self._actors)
        actor = ray.remote(ShardActor).options(
            max_restarts=-1,
            # One call makes shards, one waits for an upload, the other reports progress.
            max_concurrency=3,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": actor_environment(self._job, os.environ)},
            **share_of(self.resources, self._options, num_workers),
        )
        self._actors.append(actor.remote(self._job, self._options.grace))

    def load(self, number: int) -> None:
        """Have an actor load what the tasks need."""
        self._expect(self._actors[number].load.remote(), self.driver.on_loaded, number)

    def run(self, run: Run) -> None:
        """Have an actor run a task."""
        self._expect(self._actors[run.worker].run.remote(run.task), self.driver.on_ran, run)

    def finish(self, run: Run) -> None:
        """Have an actor end the upload of what it has made."""
        self._expect(self._actors[run.worker].finish.remote(run.task), self.driver.on_ran, run)

    def ask(self, number: int, run: Run | None) -> None:
        """Ask an actor for its progress."""
        self._expect(self._actors[number].status.remote(), self.driver.on_status, number, run)

    def drop(self, run: Run) -> None:
        """Have an actor end its task."""
        self._actors[run.worker].drop.remote(run.task)

    def restart(self, number: int) -> None:
        """End the process of an actor, which Ray starts anew."""
        ray.kill(self._actors[number], no_restart=False)

    def end(self) -> None:
        """End all actors."""
        for actor in self._actors:
            ray.kill(actor)

    def _expect(self, reference: Any, handler: Callable[..., None], *about: Any) -> None:
        def on_answer(future: "Future[Any]") -> None:
            self.inbox.put((handler, about, _answer(future)))

        reference.future().add_done_callback(on_answer)


def _answer(future: "Future[Any]") -> Any:
    """Return what an actor answered, or what became of it."""
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, RayTaskError):
        return Failed(error.cause if isinstance(error.cause, Exception) else error)
    if isinstance(error, RayActorError):
        return Died(str(error))
    return Failed(error if isinstance(error, Exception) else PairgenError(str(error)))


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
        PairgenError: A batch does not fit in memory, a shard fails repeatedly, or the head of the
            cluster is lost.
        OSError: The disk is full or unavailable.
    """
    fingerprint = tasks[0].fingerprint if tasks else ""
    own = _connected(options.address, **files_environment(job))
    with own, closing(MetricEvents(events, fingerprint)) as told:
        fleet = _RayFleet(job, options)
        driver = Driver(fleet, Scheduler(tasks, options.rules), told, time.monotonic())
        fleet.driver = driver
        try:
            _drive(fleet, driver, told, stop, options)
        except _HeadLostError:
            # Without a head, no actor can be ended.
            raise
        except BaseException:
            fleet.end()
            raise
        fleet.end()
        if note := notes.kinds(driver.devices):
            events.note(note)


def _drive(
    fleet: _RayFleet,
    driver: Driver,
    events: Events,
    stop: threading.Event,
    options: RayOptions,
) -> None:
    """Hand out tasks until all are done, or until none is running after a stop."""
    head_seen, next_look = time.monotonic(), -math.inf

    def on_resources(resources: dict[str, float], _now: float) -> None:
        nonlocal head_seen
        head_seen = time.monotonic()
        wanted = options.num_workers or room_for(resources, options.gpus_per_worker)
        if not fleet.resources and options.num_workers and _must_share_cores(resources, options):
            events.note(
                f"{wanted} workers share {resources.get('CPU', 1.0):g} cores; "
                "each starts its own process and loads its own copy of what it needs."
            )
        fleet.resources = resources
        driver.add_workers(wanted, resources)

    with _asking_for_resources(fleet.inbox, on_resources):
        while driver.scheduler.num_left and not (
            stop.is_set() and not driver.scheduler.num_running
        ):
            _take_answers(fleet.inbox)
            now = time.monotonic()
            if now - head_seen > SECONDS_UNTIL_HEAD_IS_LOST:
                raise _HeadLostError
            if now >= next_look:
                next_look = now + SECONDS_BETWEEN_LOOKS
                driver.look_around(now)
            if not stop.is_set():
                driver.hand_out(now)
            elif now > due_of(stop):
                return
            elif due_of(stop) < math.inf:
                driver.drop_hopeless(now, due_of(stop))


def _must_share_cores(resources: dict[str, float], options: RayOptions) -> bool:
    return 0 < share_of(resources, options, options.num_workers)["num_cpus"] < 1


def _take_answers(inbox: "queue.SimpleQueue[_Message]") -> None:
    """Wait a moment for an answer, then handle all that have come."""
    try:
        handler, about, answer = inbox.get(timeout=SECONDS_BETWEEN_LOOKS)
        while True:
            handler(*about, answer, time.monotonic())
            handler, about, answer = inbox.get_nowait()
    except queue.Empty:
        return


@contextmanager
def _asking_for_resources(
    inbox: "queue.SimpleQueue[_Message]", on_resources: Callable[..., None]
) -> Iterator[None]:
    """Ask the head every few seconds, in a thread: while it is gone, the call does not return."""
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            # That no answer comes is what counts.
            with suppress(Exception):
                inbox.put((on_resources, (), ray.cluster_resources()))
            ended.wait(SECONDS_BETWEEN_ROOM_CHECKS)

    threading.Thread(target=ask, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


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


@contextmanager
def _connected(address: str, **of_run: Any) -> Iterator[None]:
    """Join a running cluster, or start one on this machine; `of_run` is what Ray is given too."""
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS", "") or "local"
    more = {"include_dashboard": False, **of_run} if address == "local" else of_run
    check_reachable(address)
    # Ray itself sets variables as well.
    with own_environment():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # A process per core, none of which is used: actors have an environment of their own.
        os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
        try:
            with keeping_sigterm():
                ray.init(address=address, logging_level="ERROR", log_to_driver=False, **more)
        except (ConnectionError, ValueError, RuntimeError, RayError) as error:
            raise ConfigError(
                f"The Ray cluster {address!r} cannot be joined: {explained(error)}"
            ) from None
        try:
            yield
        except _HeadLostError:
            # It would wait for the head, now or when the process ends.
            atexit.unregister(ray.shutdown)
            raise
        except BaseException:
            ray.shutdown()
            raise
        ray.shutdown()

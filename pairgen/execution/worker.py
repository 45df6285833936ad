"""A worker: turns tasks into published shards, for any kind of plan.

It does not know where it runs: the serial executor holds one, and so does each Ray actor. Nor does
it know how a sample is made: that is the maker's part.
"""

import hashlib
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pairgen.errors import PlanMismatchError
from pairgen.execution.own_code import parts_of
from pairgen.execution.uploads.spooled_shard import SpooledShard
from pairgen.execution.uploads.uploader import Uploader
from pairgen.kinds.machine import versions
from pairgen.kinds.maker import ShardMaker, open_maker
from pairgen.own_code.watch import CodeWatch
from pairgen.process_state import cpu_threads
from pairgen.receipts import FailedSlot, Receipt
from pairgen.shards.format.index import encode_index, index_row
from pairgen.shards.format.manifest import read_receipt
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.publish import ShardContestedError
from pairgen.shards.format.writer import ShardWriter
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store, open_store
from pairgen.sources.urls.addresses import known_addresses, remember
from pairgen.trust import NO_TRUST, Trust, trusting
from pairgen.types import Plan, Sample, ShardTask

# Batches that may wait for the writer thread; more would only use memory.
MAX_UNWRITTEN_BATCHES = 2


@dataclass(frozen=True)
class Job:
    """What a worker needs to make shards: plain data, cheap to send.

    Attributes:
        plan: The plan, as `Plan.to_dict()`.
        store_url: `Store.address` of the dataset folder; not shown, since it may hold secrets.
        trust: The modules a worker may import: the same as the sender's.
        addresses: Full URLs of sources, by their recorded form; not shown either.
        accepts_changed_code: Whether a worker may have other own modules than the plan records.
        files: Files of the user's own modules, which travel to workers on other machines.
    """

    plan: Mapping[str, Any]
    store_url: str = field(repr=False)
    trust: Trust = NO_TRUST
    addresses: Mapping[str, str] = field(default_factory=known_addresses, repr=False)
    accepts_changed_code: bool = False
    files: tuple[str, ...] = ()

    @property
    def cpu_threads(self) -> int:
        """Number of torch threads per worker."""
        return int(self.plan["execution"]["cpu_threads"])

    def open(self) -> "Worker":
        """Load what is needed to make samples."""
        return Worker(self)


class Worker:
    """A maker, and the store that receives its shards.

    Raises:
        PairgenError: The maker cannot be loaded.
    """

    def __init__(self, job: Job) -> None:
        self.plan = Plan.from_dict(job.plan)
        remember(job.addresses)
        self.store = open_store(job.store_url)
        # Of a worker before this one on this machine, whose shards went up from here.
        self.store.remove_stale_spool()
        # What is on a local disk has nothing to wait for.
        self._uploader = None if isinstance(self.store, LocalStore) else Uploader(self.store)
        self._trust = job.trust
        self._num_threads = int(self.plan.execution["cpu_threads"])
        # Thread counts change bits at small batch sizes, so every worker uses the planned number,
        # also while loading.
        with cpu_threads(self._num_threads), trusting(job.trust):
            self.maker = open_maker(self.plan, self.store)
            self._code = CodeWatch(
                parts_of(self.plan), self.plan.code, job.accepts_changed_code, self.store.url
            )
        self.device = self.maker.device
        self._plan_stands = False

    def run(
        self, task: ShardTask, on_samples: Callable[[int], None] = lambda _: None
    ) -> "Receipt | Future[Receipt]":
        """Make, write and publish one shard; return the receipt of the published shard.

        Args:
            task: The shard to make.
            on_samples: Called with the number of slots done so far in this shard.

        Returns:
            The receipt; if the shard has to be uploaded, once that is done.

        Raises:
            OutOfDeviceMemoryError: The batch does not fit in device memory.
            PlanMismatchError: Another command has begun another dataset in the folder.
            OSError: The disk is full or unavailable, or the shard before could not be uploaded; no
                partial file has a final name.
        """
        # Set both again: the executor may call from another thread than the one that loaded, and
        # the user's module may import others on first use.
        with cpu_threads(self._num_threads), trusting(self._trust):
            while True:
                standing = read_receipt(self.store, task.shard_index)
                if standing is not None and standing.fulfils(task):
                    return standing
                given = (self.store, self.plan, self.maker, task, on_samples)
                made = write_shard(*given, code=self._code)
                self._check_plan(made)
                if self._uploader:
                    return self._uploader.begin(made)
                try:
                    return made.publish(self.store)
                except ShardContestedError:
                    continue

    def _check_plan(self, made: SpooledShard) -> None:
        """Check before its first shard that no other command has begun anew meanwhile.

        Where nothing is finished yet, a command that is given other options replaces the plan.
        Behind a URL, where a look costs a request, a set of two is found later: by `verify`.
        """
        if self._plan_stands or not isinstance(self.store, LocalStore):
            return
        if read_plan(self.store).fingerprint(self.plan.num_samples) != self.plan.fingerprint():
            self.store.drop(made.path)
            raise PlanMismatchError(
                f"Another command has started a different dataset in {self.store.url}: give "
                "another --out."
            )
        self._plan_stands = True


def make_shard(
    store: Store,
    plan: Plan,
    maker: ShardMaker,
    task: ShardTask,
    on_samples: Callable[[int], None] = lambda _: None,
) -> Receipt:
    """Make, write and publish one shard; return the receipt of the published shard.

    Raises:
        ShardContestedError: Another worker published different bytes at the same moment.
        OutOfDeviceMemoryError: The batch does not fit in device memory.
        OSError: The disk is full or unavailable; no partial file has a final name.
    """
    return write_shard(store, plan, maker, task, on_samples).publish(store)


def write_shard(
    store: Store,
    plan: Plan,
    maker: ShardMaker,
    task: ShardTask,
    on_samples: Callable[[int], None] = lambda _: None,
    code: CodeWatch | None = None,
) -> SpooledShard:
    """Make one shard, and write it to the spool.

    Raises:
        ChangedCodeError: The user's own code is not what the plan records.
        OutOfDeviceMemoryError: The batch does not fit in device memory.
        OSError: The disk is full or unavailable.
    """
    start = time.perf_counter()
    spooled = store.spool(f"{task.shard_index:05d}.tar")
    rows: list[dict[str, Any]] = []
    failed: list[FailedSlot] = []

    def write(results: list[Sample | FailedSlot]) -> None:
        for result in results:
            if isinstance(result, FailedSlot):
                failed.append(result)
            else:
                rows.append(index_row(result, task.shard_index, writer.write(result)))

    try:
        with ShardWriter(spooled) as writer, ThreadPoolExecutor(1) as thread:
            unwritten: deque[Future[None]] = deque()
            num_done = 0
            for results in maker.make(task):
                if len(unwritten) == MAX_UNWRITTEN_BATCHES:
                    unwritten.popleft().result()
                unwritten.append(thread.submit(write, results))
                num_done += len(results)
                if code is not None:
                    code.sampled()
                on_samples(num_done)
            for future in unwritten:
                future.result()
        index = encode_index(rows, maker.index_columns) if rows else b""
        receipt = Receipt(
            shard_index=task.shard_index,
            start=task.start,
            stop=task.stop,
            count=len(rows),
            num_bytes=writer.num_bytes if rows else 0,
            sha256=writer.sha256 if rows else "",
            index_sha256=hashlib.sha256(index).hexdigest() if rows else "",
            fingerprint=task.fingerprint,
            failed=tuple(failed),
            made=_made(plan, maker, time.perf_counter() - start, code.sha256 if code else ""),
            parent_sha256=task.parent_sha256,
            code=code.told() if code else {},
        )
        return SpooledShard(task, spooled, index, receipt)
    except BaseException:
        store.drop(spooled)
        raise


def _made(plan: Plan, maker: ShardMaker, seconds: float, code: str) -> dict[str, Any]:
    """Return how the bits were computed: settings, device, process, time, versions, own code."""
    return {
        **plan.execution,
        "device": maker.device,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "seconds": round(seconds, 3),
        # When, in seconds since 1970; `pairgen status` computes rates from it.
        "ended": round(time.time(), 3),
        "versions": versions(maker.modules),
        **({"code": code} if code else {}),
    }

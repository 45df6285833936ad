"""A worker: loads the teacher once, then turns tasks into published shards.

It does not know where it runs: the serial executor holds one, a Ray actor holds one.
"""

import hashlib
import platform
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch

import pairgen
from pairgen import plugins
from pairgen.errors import OutOfDeviceMemoryError, TeacherLoadError
from pairgen.generate.pairs import TORCH_DTYPES, make_samples
from pairgen.sampling.grid import Grid, make_grid
from pairgen.sampling.parameterization import Schedule
from pairgen.shards import layout
from pairgen.shards.index import encode_index, index_row
from pairgen.shards.manifest import read_receipt
from pairgen.shards.publish import ShardContestedError, publish
from pairgen.shards.slots import slot_at
from pairgen.shards.store import open_store
from pairgen.shards.writer import ShardWriter
from pairgen.sources.prompts import open_prompts, prompt_rows
from pairgen.teachers.base import Teacher
from pairgen.types import FailedSlot, Plan, Receipt, Sample, ShardTask

# Batches that may wait for the writing thread; more would only hold memory.
MAX_UNWRITTEN_BATCHES = 2


@dataclass(frozen=True)
class Job:
    """What a worker needs to start: plain data, cheap to ship.

    Attributes:
        plan: `Plan.to_dict()`.
        store_url: The dataset folder, absolute.
    """

    plan: Mapping[str, Any]
    store_url: str


def grid_of(plan: Plan, schedule: Schedule) -> Grid:
    """Return the grid that the plan's recipe asks for."""
    recipe = plan.recipe
    return make_grid(
        schedule, recipe["spacing"], recipe["steps"], recipe["end"], recipe["trajectory"]
    )


class Worker:
    """One teacher on one device.

    Raises:
        TeacherLoadError: The weights cannot be loaded, or are not those of the plan.
    """

    def __init__(self, job: Job) -> None:
        self.plan = Plan.from_dict(job.plan)
        self.store = open_store(job.store_url)
        execution = self.plan.execution
        # Thread counts change bits at small batches, so every worker has the planned one, also
        # while it loads.
        torch.set_num_threads(execution["cpu_threads"])
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.teacher = build_teacher(self.plan, self.device)
        if execution["compile"]:
            self.teacher.compile()
        self.grid = grid_of(self.plan, self.teacher.schedule)
        with self.store.local(layout.PROMPTS) as path:
            self.prompts = open_prompts(path)

    def run(self, task: ShardTask, on_samples: Callable[[int], None] = lambda _: None) -> Receipt:
        """Make, write and publish one shard; return the receipt that stands for it.

        Args:
            task: The shard.
            on_samples: Called with the number of slots done so far in this shard.

        Raises:
            OutOfDeviceMemoryError: The batch does not fit.
            OSError: The disk is full or gone; nothing half-written has a final name.
        """
        # Per thread: OpenMP keeps the number of threads for each calling thread.
        torch.set_num_threads(self.plan.execution["cpu_threads"])
        while True:
            standing = read_receipt(self.store, task.shard_index)
            if standing is not None and standing.fulfils(task):
                return standing
            try:
                return self._attempt(task, on_samples)
            except ShardContestedError:
                continue

    def _attempt(self, task: ShardTask, on_samples: Callable[[int], None]) -> Receipt:
        start = time.perf_counter()
        spooled = self.store.spool(f"{task.shard_index:05d}.tar")
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
                prompts = self._prompts_of(task)
                for results in make_samples(self.teacher, self.plan, task, prompts, self.grid):
                    if len(unwritten) == MAX_UNWRITTEN_BATCHES:
                        unwritten.popleft().result()
                    unwritten.append(thread.submit(write, results))
                    num_done += len(results)
                    on_samples(num_done)
                for future in unwritten:
                    future.result()
        except BaseException:
            self.store.drop(spooled)
            raise
        index = encode_index(rows) if rows else b""
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
            made=self._made(time.perf_counter() - start),
        )
        return publish(self.store, task, spooled, index, receipt)

    def _prompts_of(self, task: ShardTask) -> dict[int, str]:
        """Read the prompts of a task, and only those."""
        first, last = (slot_at(self.plan, index) for index in (task.start, task.stop - 1))
        return prompt_rows(self.prompts, first.pair_index, last.pair_index + 1)

    def _made(self, seconds: float) -> dict[str, Any]:
        """Return how this worker's bits come about."""
        return {
            **self.plan.execution,
            "device": device_name(self.device),
            "host": socket.gethostname(),
            "seconds": round(seconds, 3),
            "versions": versions(),
        }


def device_name(device: torch.device) -> str:
    """Return the model of the GPU, or the machine type of the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu {platform.machine()}"


def versions() -> dict[str, str]:
    """Return the versions of what can change bits."""
    loaded = [name for name in ("diffusers", "transformers") if name in sys.modules]
    return {
        "pairgen": pairgen.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", *loaded)},
    }


def build_teacher(plan: Plan, device: torch.device) -> Teacher:
    """Load the planned teacher; refuse other weights under the same name.

    Raises:
        TeacherLoadError: The weights cannot be loaded, or are not those of the plan.
        OutOfDeviceMemoryError: They do not fit.
    """
    teacher = plan.teacher
    options = {"location": teacher["location"], **teacher["options"]}
    found = plugins.call("teachers", teacher["module"], "describe", **options).identity
    different = sorted(
        key
        for key in {*found, *teacher["identity"]}
        if found.get(key) != teacher["identity"].get(key)
    )
    if different:
        raise TeacherLoadError(
            f"The weights at {teacher['location']} on {socket.gethostname()} are not those of the "
            f"plan: {', '.join(different)} differ."
        )
    dtype = plan.execution["dtype"]
    try:
        built: Teacher = plugins.build(
            "teachers",
            teacher["module"],
            device=device,
            dtype=TORCH_DTYPES[dtype],
            negative_prompt=plan.recipe["negative_prompt"],
            **options,
        )
    except torch.OutOfMemoryError:
        raise OutOfDeviceMemoryError(
            f"The teacher {teacher['name']!r} in {dtype} does not fit into the memory of "
            f"{device_name(device)}: free it, or take a smaller dtype."
        ) from None
    return built

"""`--dry-run`: estimate the cost of a command, for any kind of dataset, without making it."""

import gc
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pairgen.errors import ConfigError
from pairgen.execution.forecast.cost import Cost, Measured, price, spread_tasks
from pairgen.execution.forecast.other_way import (
    LIMIT_SECONDS,
    SHORT_SECONDS,
    OtherWay,
    measure_other_way,
)
from pairgen.execution.forecast.preemption import loss_rate, seconds_with_losses
from pairgen.execution.forecast.trial import bytes_per_slot, make_runs, publish_again
from pairgen.execution.own_code import with_code
from pairgen.execution.progress import Progress
from pairgen.execution.run import count_workers
from pairgen.execution.say import Say
from pairgen.execution.worker import Job, Worker
from pairgen.kinds.run_options import PartOptions
from pairgen.receipts import Manifest
from pairgen.resolution import Resolved
from pairgen.shard_range import ShardRange
from pairgen.shards.check.planned import inputs_paths, open_inputs
from pairgen.shards.format.manifest import scan
from pairgen.shards.overlays.overlay import Layer
from pairgen.shards.overlays.values import planned_tasks
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store
from pairgen.trust import current_trust
from pairgen.types import INPUT_NAMES, Plan, ShardTask

# Minimum number of timed batches, for kinds whose cost is per batch: their median is used.
MIN_BATCHES = 3


# Begin the names of sources that no user gave, see `pairgen.resolution`.
OWN_DEFAULTS = ("model ", "annotator ")


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The expected losses when workers are preempted.

    Attributes:
        num_workers: Expected number of lost workers until the run is done.
        cost: The cost including restarted shards and the starts of new workers.
    """

    num_workers: float
    cost: Cost


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """The estimated cost of a command.

    Attributes:
        options: Name, value and origin of each option whose value is not its default.
        manifest: What exists of the dataset; only shards of the part to make count as missing.
        part: The part of the shards to make.
        measured: The measured cost of the trial samples; None if nothing is missing.
        cost: The cost of the missing samples; None if nothing is missing.
        input_bytes: Size of the list of inputs under `__meta__/`; 0 for a dataset without one.
        other_way: Time of batches with the other value of `compile`; None for kinds without it.
        num_workers: Number of workers that the command would have.
        asked_workers: The option `num_workers`; 0 if not given.
        gpus_per_worker: The option `gpus_per_worker`; measured was a worker with its own device.
        free_bytes: Free space on the disk of the dataset folder; None if it is not local.
    """

    options: tuple[tuple[str, Any, str], ...]
    manifest: Manifest
    part: ShardRange
    measured: Measured | None
    cost: Cost | None
    input_bytes: int
    other_way: OtherWay | None
    num_workers: int
    asked_workers: int
    gpus_per_worker: float
    free_bytes: int | None

    def other_cost(self) -> Cost | None:
        """Return the cost with the other value of `compile`; None if it was not measured."""
        if self.measured is None or self.other_way is None or self.other_way.per_batch is None:
            return None
        time = replace(self.measured.time, per_batch=self.other_way.per_batch)
        return price(replace(self.measured, time=time), self.manifest.plan, self.manifest.missing)

    def with_losses(self, chance_per_hour: float) -> Losses:
        """Return the cost if each worker is lost within an hour with this probability, [0, 1).

        It does not include the wait for a new machine. Some samples must be missing.
        """
        assert self.measured is not None and self.cost is not None
        rate, restart = loss_rate(chance_per_hour), self.measured.start_seconds
        seconds = [seconds_with_losses(each, restart, rate) for each in self.cost.shard_seconds]
        return Losses(
            num_workers=rate * sum(seconds), cost=replace(self.cost, shard_seconds=seconds)
        )


def dry_run(
    store: Store,
    resolved: Resolved[Any],
    plan_in: Callable[[LocalStore], Plan],
    run_length: Callable[[Plan], int],
    num_samples: int,
    say: Say,
    *,
    is_padded: bool,
    parent: Layer | None = None,
) -> DryRun:
    """Make a few of the missing samples in a temporary folder and extrapolate their cost.

    Args:
        store: The folder of the dataset; it is only read.
        resolved: The options of the command (`PartOptions`), and where each came from.
        plan_in: Writes the list of inputs into a folder and returns the plan.
        run_length: Returns the number of consecutive slots of a plan to try together.
        num_samples: Number of slots to try, spread evenly over the missing ones.
        say: Called with a message before a long measurement.
        is_padded: Whether a short batch of a shard takes as long as a full one.
        parent: The parent of an overlay, whose stale shards would be made again.

    Raises:
        ConfigError: `num_samples` is below 1, the cluster cannot be reached, or there is no plan.
        PairgenError: No sample can be made.
    """
    if num_samples < 1:
        raise ConfigError(f"--dry-run must make at least 1 sample, got {num_samples}.")
    options: PartOptions = resolved.options
    num_workers = count_workers(options)
    with tempfile.TemporaryDirectory(prefix="pairgen-") as folder:
        trial = LocalStore(Path(folder))
        plan = with_code(store, plan_in(trial), options, say)
        manifest = scan(store, plan, None if parent is None else planned_tasks(plan, trial, parent))
        shards = options.part.shards(plan.num_shards)
        left = tuple(task for task in manifest.missing if task.shard_index in shards)
        manifest = replace(manifest, missing=left)
        if parent is not None:
            # From the trial's folder, the parent is where the plan says. Never shown.
            plan = replace(plan, source={**plan.source, "parent": parent.store.address})
        measured = cost = other_way = None
        if not manifest.complete:
            length = run_length(plan)
            at_least = MIN_BATCHES * length if is_padded else 1
            tasks = spread_tasks(manifest.missing, max(num_samples, at_least), length)
            measured = _measure(plan, trial, manifest.missing, tasks, options, is_padded)
            cost = price(measured, plan, manifest.missing)
            if "compile" in plan.execution:
                other_way = _try_other_way(plan, trial, tasks, cost.wall_seconds(num_workers), say)
        return DryRun(
            # What a model or an annotator sets of its own is a default to whoever uses it.
            options=tuple(
                each for each in resolved.differing() if not each[2].startswith(OWN_DEFAULTS)
            ),
            manifest=manifest,
            part=options.part,
            measured=measured,
            cost=cost,
            input_bytes=sum(trial.size(path) for path in inputs_paths(plan)),
            other_way=other_way,
            num_workers=num_workers,
            asked_workers=options.num_workers,
            gpus_per_worker=options.gpus_per_worker,
            free_bytes=_free_bytes(store),
        )


def _measure(
    plan: Plan,
    trial: LocalStore,
    missing: tuple[ShardTask, ...],
    tasks: list[ShardTask],
    options: PartOptions,
    is_padded: bool,
) -> Measured:
    start = time.perf_counter()
    job = Job(
        plan=plan.to_dict(),
        store_url=trial.address,
        trust=current_trust(),
        accepts_changed_code=options.accept_changed_code,
    )
    maker = Worker(job).maker
    load_seconds = time.perf_counter() - start
    progress = Progress(sum(task.num_slots for task in tasks), 0)
    try:
        runs = make_runs(plan, maker, tasks, progress.reached)
    finally:
        progress.close()
    published = publish_again(plan, trial, maker, runs.results)
    making_time = runs.batch_time(plan.execution["batch_size"]) if is_padded else runs.slot_time()
    per_shard, per_slot = published.seconds
    inputs = open_inputs(trial, plan) if plan.kind in INPUT_NAMES else None
    return Measured(
        num_slots=runs.num_slots,
        num_samples=runs.num_samples,
        num_skipped=runs.num_skipped,
        bytes_per_slot=bytes_per_slot(runs, inputs, missing),
        meta_bytes=published.meta_bytes,
        time=replace(making_time, per_shard=making_time.per_shard + per_shard, per_slot=per_slot),
        load_seconds=load_seconds,
        warm_up_seconds=runs.warm_up_seconds,
        device=maker.device,
    )


def _try_other_way(
    plan: Plan, trial: LocalStore, tasks: list[ShardTask], wall_seconds: float, say: Say
) -> OtherWay:
    compiled = not plan.execution["compile"]
    if compiled and wall_seconds < SHORT_SECONDS:
        reason = f"without it the run takes less than {SHORT_SECONDS:.0f} s"
        return OtherWay(compile=True, reason=reason)
    way = "with" if compiled else "without"
    say(f"Measuring {way} --compile too, for up to {LIMIT_SECONDS:.0f} s.")
    if torch.cuda.is_available():
        # Free the memory for the other process.
        gc.collect()
        torch.cuda.empty_cache()
    return measure_other_way(plan, trial, tasks[:MIN_BATCHES])


def _free_bytes(store: Store) -> int | None:
    if not isinstance(store, LocalStore):
        return None
    folder = store.root
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free

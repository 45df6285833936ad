"""Shard checking as a job for executors: plain data that a worker can start from anywhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pairgen.shards.check.planned import NoInputs, open_inputs
from pairgen.shards.check.report import Problem
from pairgen.shards.check.shard_check import ShardCheck, ShardFindings
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import readable_receipt
from pairgen.shards.format.where import parse_where
from pairgen.shards.storage.store import open_store
from pairgen.types import Plan, ShardTask


@dataclass(frozen=True)
class CheckJob:
    """What a worker needs to check shards.

    Attributes:
        plan: The plan, as `Plan.to_dict()`.
        store_url: `Store.address` of the dataset folder; not shown, since it may hold secrets.
        has_inputs: Whether the list of inputs matches the plan, so that samples are compared to it.
        where: Condition on the samples to check one by one; empty for all.
    """

    plan: Mapping[str, Any]
    store_url: str = field(repr=False)
    has_inputs: bool
    where: str
    cpu_threads: int = 1

    def open(self) -> "ShardChecker":
        """Open what the checks need."""
        return ShardChecker(self)


class ShardChecker:
    """A worker that checks shards."""

    device = "cpu"

    def __init__(self, job: CheckJob) -> None:
        plan = Plan.from_dict(job.plan)
        self._store = open_store(job.store_url)
        inputs = open_inputs(self._store, plan) if job.has_inputs else NoInputs(plan)
        where = parse_where(job.where) if job.where else None
        self._check = ShardCheck(self._store, plan, inputs, where)

    def run(
        self, task: ShardTask, on_samples: Callable[[int], None] = lambda _: None
    ) -> ShardFindings:
        """Check one shard."""
        del on_samples
        receipt = readable_receipt(self._store, task.shard_index)
        if receipt is not None and receipt.fulfils(task):
            return self._check.check(receipt)
        path = layout.receipt_path(task.shard_index)
        detail = "it was there a moment ago: another process is changing this dataset"
        problem = Problem("receipt changed", path, detail, task.shard_index)
        return ShardFindings(shard_index=task.shard_index, problems=(problem,))

"""Check a whole dataset against its plan and receipts, one shard at a time, in any order.

A damaged shard never hides the state of the others. Memory does not grow with the dataset, except
for 8 bytes per sample and a few hundred per shard.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from pairgen.errors import ConfigError
from pairgen.shards.check.check_job import CheckJob
from pairgen.shards.check.code_ranges import told_code
from pairgen.shards.check.manifest_check import check_manifest
from pairgen.shards.check.noise_audit import NoiseAudit
from pairgen.shards.check.parent_check import check_parent
from pairgen.shards.check.planned import check_inputs
from pairgen.shards.check.receipt_check import (
    CheckedReceipts,
    check_folder,
    check_receipts,
    check_unread,
)
from pairgen.shards.check.report import Problem, Problems, Report, not_read
from pairgen.shards.check.scope import Scope
from pairgen.shards.check.shard_check import ShardFindings
from pairgen.shards.format import layout
from pairgen.shards.format.index import index_columns
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, ShardTask


class RunChecks(Protocol):
    """Runs checks, in this process or in many workers. It may stop early on request."""

    def __call__(
        self,
        job: CheckJob,
        tasks: Sequence[ShardTask],
        on_found: Callable[[ShardFindings], None],
    ) -> None:
        """Check the shard of every task, in any order."""


def run_here(
    job: CheckJob, tasks: Sequence[ShardTask], on_found: Callable[[ShardFindings], None]
) -> None:
    """Check one shard after another in this process."""
    checker = job.open()
    for task in tasks:
        on_found(checker.run(task))


def verify(
    store: Store,
    scope: Scope | None = None,
    run: RunChecks = run_here,
    on_receipts: Callable[[int, int], None] = lambda *_: None,
    on_shards: Callable[[int, int], None] = lambda *_: None,
) -> Report:
    """Check a dataset; the report does not depend on who checks its shards, or in which order.

    Args:
        store: The dataset folder.
        scope: How much to read; everything by default.
        run: Function that runs the shard checks.
        on_receipts: Called with the number of receipts read and to read.
        on_shards: Called after each shard with the number of shards checked and to check.

    Raises:
        ConfigError: The folder holds no dataset, its plan was edited, or no sample meets the
            condition of `scope`.
    """
    scope = scope or Scope()
    plan = read_plan(store)
    if scope.where is not None:
        scope.where.check_columns(index_columns(plan), f"The index of {store.url}")
    found = _Findings(plan)
    receipts = check_receipts(store, plan, found.problems, on_receipts)
    found.problems.add(check_folder(store, plan, receipts.valid))
    found.problems.add(_check_manifest(store, plan, receipts))
    compared = check_parent(store, plan, list(receipts.valid))
    found.problems.add(compared.problems)
    filled = [shard for shard, receipt in receipts.valid.items() if receipt.num_samples]
    chosen = scope.choose(filled)
    # A shard without samples costs nothing to check; a fraction must not consist of only those.
    checked = chosen if scope.quick else sorted({*chosen, *(receipts.valid.keys() - {*filled})})
    others = receipts.valid.keys() - {*checked}
    found.problems.add(check_unread(store, {i: receipts.valid[i] for i in sorted(others)}))
    input_problem = None if scope.quick else check_inputs(store, plan)
    if checked:
        job = CheckJob(
            plan=plan.to_dict(),
            store_url=store.address,
            has_inputs=input_problem is None,
            where="" if scope.where is None else scope.where.text,
        )
        found.expect(checked)

        def on_found(findings: ShardFindings) -> None:
            found.add(findings)
            on_shards(found.num_shards, len(checked))

        tasks = plan.tasks()
        run(job, [tasks[shard] for shard in checked], on_found)
    found.finish()
    if input_problem is not None:
        found.problems.add([input_problem])
    num_missed = len(checked) - found.num_shards
    unread = [*scope.unread(chosen, len(filled)), *compared.not_checked]
    num_left, num_bytes_left = _left_over(store)
    report = replace(
        found.report(receipts, unread, num_missed),
        lag=compared.lag,
        num_left=num_left,
        num_bytes_left=num_bytes_left,
    )
    if scope.where is not None and report.clean and not (num_missed or report.num_checked):
        which = "" if not others else " in the chosen shards"
        raise ConfigError(f"{store.url} has no sample{which} that meets {scope.where.text!r}.")
    return report


def _left_over(store: Store) -> tuple[int, int]:
    """Return number and bytes of the files that ended processes have left."""
    names = store.stale_spool()
    sizes = store.sizes(layout.SPOOL) if names else {}
    return len(names), sum(sizes.get(name, 0) for name in names)


def _check_manifest(store: Store, plan: Plan, receipts: CheckedReceipts) -> list[Problem]:
    try:
        return list(check_manifest(store, plan, receipts.digests))
    except OSError as error:
        return [not_read(layout.MANIFEST, error)]


class _Findings:
    """Accumulates findings in shard order, whatever order they arrive in.

    Attributes:
        num_shards: Number of shards that arrived.
    """

    def __init__(self, plan: Plan) -> None:
        self.problems = Problems()
        self.num_shards = 0
        self._plan = plan
        self._noise = NoiseAudit(plan) if plan.kind == "ode" else None
        self._types: dict[str, str] = {}
        self._num_read = self._num_samples = self._num_checked = self._num_bytes = 0
        self._expected: deque[int] = deque()
        self._early: dict[int, ShardFindings] = {}

    def expect(self, shards: Sequence[int]) -> None:
        """Set which shards will arrive, in order."""
        self._expected.extend(shards)

    def add(self, findings: ShardFindings) -> None:
        """Add the findings of a shard; they wait for those of earlier shards."""
        self.num_shards += 1
        self._early[findings.shard_index] = findings
        while self._expected and self._expected[0] in self._early:
            self._take(self._early.pop(self._expected.popleft()))

    def finish(self) -> None:
        """Add the findings that still wait for shards that will not arrive."""
        for shard in sorted(self._early):
            self._take(self._early.pop(shard))

    def report(self, receipts: CheckedReceipts, unread: Sequence[str], num_missed: int) -> Report:
        """Return the report of everything that arrived.

        Args:
            receipts: The dataset's checked receipts.
            unread: What was deliberately not read, in words.
            num_missed: Number of expected shards that did not arrive: the user stopped the check.
        """
        if self._noise is not None:
            self.problems.add(self._noise.problems())
        mean_z, variance_z = (self._noise and self._noise.z_scores()) or (None, None)
        valid = receipts.valid.values()
        stopped = [f"the content of {num_missed:,} more (stopped)"] if num_missed else []
        return Report(
            problems=tuple(self.problems.kept),
            num_by_kind=dict(self.problems.num_by_kind),
            bad_shards=self.problems.bad_shards,
            num_shards=self._plan.num_shards,
            num_recorded_samples=sum(receipt.num_samples for receipt in valid),
            num_recorded_bytes=sum(receipt.num_bytes for receipt in valid),
            num_read=self._num_read,
            num_samples=self._num_samples,
            num_checked=self._num_checked,
            num_bytes=self._num_bytes,
            unread=(*unread, *stopped),
            interrupted=num_missed > 0,
            noise_mean_z=mean_z,
            noise_variance_z=variance_z,
            mixes=receipts.mixes,
            code=told_code(receipts.code, self._plan),
        )

    def _take(self, findings: ShardFindings) -> None:
        self._types = {**findings.types.first(), **self._types}
        path = layout.shard_path(findings.shard_index)
        self.problems.add(findings.problems)
        self.problems.add(findings.types.problems(self._types, path, findings.shard_index))
        if self._noise is not None and findings.noise is not None:
            self._noise.add(findings.noise)
        self._num_read += findings.was_read
        self._num_samples += findings.num_samples
        self._num_checked += findings.num_checked
        self._num_bytes += findings.num_bytes

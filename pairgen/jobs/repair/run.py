"""`pairgen repair`: withdraw what is bad, then make it again."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.dataset import RunResult
from pairgen.execution.run import RunOptions, check_executor
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.degrade.inputs import resolve_degrade
from pairgen.jobs.degrade.run import run_degrade
from pairgen.jobs.ode.inputs import resolve_ode
from pairgen.jobs.ode.run import run_ode
from pairgen.jobs.repair.withdraw import shards_to_redo, withdraw
from pairgen.jobs.verify.run import run_verify
from pairgen.kinds.degrade.options import make_degrade_config
from pairgen.kinds.ode.options import make_ode_config
from pairgen.shards.check.report import NOT_READ
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipts
from pairgen.shards.format.plan_file import read_plan, recover_plan
from pairgen.shards.format.store import Store, open_store
from pairgen.types import Plan, Receipt

# Kind of a dataset to what checks its options, what finds all that it needs (its model, its code),
# and what makes its shards.
KINDS: dict[str, tuple[Callable[..., RunOptions], Callable[..., Any], Callable[..., RunResult]]] = {
    "ode": (make_ode_config, resolve_ode, run_ode),
    "degrade": (make_degrade_config, resolve_degrade, run_degrade),
}


def run_repair(folder: str | Path, given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Do what `repair` says, and tell how it ended."""
    with trusted_by_user(given) as options:
        return _repair(open_store(folder), options, say)


def _repair(store: Store, given: Mapping[str, Any], say: Say) -> RunResult:
    if recover_plan(store):
        say(f"{layout.PLAN} of {store.url} is restored from {layout.MANIFEST}.")
    plan = read_plan(store)
    make_config, resolve, run = KINDS[plan.kind]
    # First: nothing may be withdrawn for a command that cannot run.
    check_executor(make_config(given))
    asked = {**given, "out": store.address}
    resolve(asked)
    where = {name: given[name] for name in ("executor", "num_workers", "address") if name in given}
    report = run_verify(store.address, where)
    if report.interrupted:
        raise KeyboardInterrupt
    receipts = {receipt.shard_index: receipt for receipt in read_receipts(store)}
    _check_plan_fits(store, plan, receipts.values())
    bad = shards_to_redo(report)
    say(f"{len(bad)} of {report.num_shards} shards are made again.")
    tried_again = sorted(set(_with_failures(plan, receipts.values())) - set(bad))
    if tried_again:
        say(f"{len(tried_again)} more are made again because slots of them failed.")
    if plan.kind == "degrade" and not store.exists(layout.IMAGES):
        raise ConfigError(
            f"{layout.IMAGES} of {store.url} is missing: run `pairgen degrade` on the folder with "
            "the first --images again, then repair."
        )
    others = [problem for problem in report.problems if problem.shard_index is None]
    if not_read := [problem.where for problem in others if problem.kind == NOT_READ]:
        say(
            f"Could not be read, so left alone: {', '.join(not_read[:5])}. Repair again once the "
            "folder can be read; a file that never can must be removed first."
        )
    if elsewhere := [problem.where for problem in others if problem.kind != NOT_READ]:
        say(f"Not in a shard, so not mended: {', '.join(elsewhere[:5])}; see pairgen verify.")
    withdraw(store, [*bad, *tried_again])
    result = run(asked, say)
    other_bytes = [
        receipt.shard_index
        for receipt in result.manifest.receipts
        if receipt.shard_index in bad
        and receipt.shard_index in receipts
        and receipt.sha256 != receipts[receipt.shard_index].sha256
    ]
    if other_bytes:
        say(
            f"Shards {', '.join(f'{each:05d}' for each in other_bytes[:5])} have other bytes than "
            "before: other software or hardware, or another source."
        )
    return result


def _check_plan_fits(store: Store, plan: Plan, receipts: Collection[Receipt]) -> None:
    """Refuse to make a whole set again because the plan of another one was put into its folder.

    Raises:
        ConfigError: All receipts are of another dataset.
    """
    fingerprint = plan.fingerprint()
    if receipts and all(receipt.fingerprint != fingerprint for receipt in receipts):
        raise ConfigError(
            f"{layout.PLAN} of {store.url} is not the plan of its {len(receipts):,} finished "
            f"shards: put theirs back, or remove it and run `pairgen repair` again, which restores "
            f"the plan from {layout.MANIFEST}."
        )


def _with_failures(plan: Plan, receipts: Iterable[Receipt]) -> Iterator[int]:
    """Yield degraded shards with slots that failed: their images may be there by now."""
    for receipt in receipts:
        if plan.kind == "degrade" and any(not slot.skipped for slot in receipt.failed):
            yield receipt.shard_index

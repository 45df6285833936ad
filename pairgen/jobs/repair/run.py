"""`pairgen repair`: withdraw bad shards, then remake them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.checking import check_set, find_readers
from pairgen.execution.dataset import check_same_plan, make_dataset
from pairgen.execution.own_code import check_found, with_code
from pairgen.execution.run import check_executor
from pairgen.execution.run_result import RunResult
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.repair.options import RepairConfig
from pairgen.jobs.repair.retry import look_again
from pairgen.jobs.repair.withdraw import shards_to_redo, withdraw
from pairgen.kinds.collect.options import CollectConfig
from pairgen.kinds.continuing import planned_options
from pairgen.kinds.degrade.options import continued_options as degrade_options
from pairgen.kinds.maker import check_makeable, maker_name
from pairgen.kinds.ode.options import OdeConfig
from pairgen.kinds.overlay.options import continued_options as overlay_options
from pairgen.kinds.overlay.plan import planned_annotator
from pairgen.kinds.parent_shard import planned_parent
from pairgen.kinds.run_options import MakingOptions
from pairgen.receipts import Receipt
from pairgen.resolution import sources_of
from pairgen.shards.check.planned import inputs_paths
from pairgen.shards.check.report import NOT_READ, Report
from pairgen.shards.check.scope import Scope
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipts
from pairgen.shards.format.plan_file import read_plan, recover_plan, write_plan
from pairgen.shards.format.subsets import set_addresses
from pairgen.shards.overlays.overlay import KIND as OVERLAY
from pairgen.shards.overlays.overlay import Layer, open_layer
from pairgen.shards.overlays.values import planned_tasks
from pairgen.shards.storage.store import Store, open_store
from pairgen.types import INPUT_NAMES, Plan
from pairgen.wording import counted, part_text

# Maps the `maker_name` of a dataset to the function that checks its options.
CONTINUED: dict[str, Callable[..., MakingOptions]] = {
    "ode": partial(planned_options, OdeConfig),
    "degrade": degrade_options,
    "collect": partial(planned_options, CollectConfig),
    "overlay": overlay_options,
}


def run_repair(folder: str | Path, given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Run `repair` and return its result."""
    with trusted_by_user(given) as options:
        return _repair(open_store(folder), options, say)


def run_repairs(folder: str | Path, given: Mapping[str, Any], say: Say = log) -> list[RunResult]:
    """Run `repair` on a dataset, or on the sub-sets of a folder until the user stops it."""
    results: list[RunResult] = []
    for address in set_addresses(folder):
        results.append(run_repair(address, given, say))
        if results[-1].stopped:
            break
    return results


def _repair(store: Store, given: Mapping[str, Any], say: Say) -> RunResult:
    if recover_plan(store):
        say(f"Restored {layout.PLAN} of {store.url} from {layout.MANIFEST}.")
    old = read_plan(store)
    sources = sources_of(RepairConfig, given)
    options = _check_options(old, {name: sources[name] for name in given}, store)
    plan = _with_batch_size(old, sources["batch_size"])
    # Checked first: a command that cannot run must not withdraw anything.
    _check_inputs(store, plan)
    check_executor(options)
    check_found(store, plan)
    check_makeable(plan)
    parent = _open_parent(plan, store)
    plan = with_code(store, plan, options, say)
    # Read before the check, so that shards that another run finishes meanwhile are kept.
    receipts = {receipt.shard_index: receipt for receipt in read_receipts(store)}
    _check_plan_fits(store, plan, receipts.values())
    readers = find_readers(options)
    report = check_set(store, Scope(), readers)
    if report.interrupted:
        raise KeyboardInterrupt
    bad = shards_to_redo(report, plan.kind)
    if bad:
        say(f"Remaking {part_text(len(bad), report.num_shards, 'shard')}.")
    sound = (receipt for shard, receipt in receipts.items() if shard not in bad)
    gaining, changed = look_again(store, plan, sound)
    tried_again = [receipt.shard_index for receipt in gaining]
    if tried_again:
        more = " more" * bool(bad)
        shards = counted(len(tried_again), "shard")
        say(f"Remaking {shards}{more} because some of their samples failed.")
    if not (bad or tried_again):
        say(f"Nothing to remake in {counted(report.num_shards, 'shard')}.")
    if changed:
        say(
            f"{counted(len(changed), 'image that failed has', 'images that failed have')} changed "
            f"since the plan was made, such as {changed[0]}: restore the old content, or make "
            "another dataset."
        )
    _say_left_alone(report, say)
    withdraw(store, [*bad, *tried_again], receipts)
    check_same_plan(store, old, plan, say)
    write_plan(store, plan)
    result = make_dataset(store, plan, options, parent)
    _say_changed_shards(bad, receipts, result, say)
    return result


def _check_options(plan: Plan, given: Mapping[str, Any], store: Store) -> MakingOptions:
    """Return the options of the dataset, overridden by the given ones.

    Raises:
        ConfigError: The dataset cannot be repaired, or a value is not allowed.
    """
    name = maker_name(plan)
    if name not in CONTINUED:
        raise ConfigError(
            f"Only datasets of kind {' and '.join(CONTINUED)} can be repaired, but {store.url} is "
            f"of kind {plan.kind!r}: make it again."
        )
    return CONTINUED[name](plan, given)


def _check_inputs(store: Store, plan: Plan) -> None:
    """Check that the dataset's list of prompts or images exists.

    Raises:
        ConfigError: The list is missing.
    """
    missing = [path for path in inputs_paths(plan) if not store.exists(path)]
    # The texts of an overlay are told by its tasks.
    if missing and plan.kind != OVERLAY:
        raise ConfigError(
            f"{missing[0]} of {store.url} is missing: run `pairgen {plan.kind}` on the folder with "
            f"the original --{INPUT_NAMES[plan.kind]} again, then repair."
        )


def _open_parent(plan: Plan, store: Store) -> Layer | None:
    """Return the parent of an overlay, which must be whole; None for any other dataset.

    Raises:
        ConfigError: It is not there, not the planned one, or not finished.
    """
    if plan.kind != OVERLAY:
        return None
    parent = open_layer(planned_parent(plan, store).store)
    if maker_name(plan) == OVERLAY:
        planned_annotator(plan, parent.plan)
    planned_tasks(plan, store, parent)
    return parent


def _say_left_alone(report: Report, say: Say) -> None:
    """Report the problems that remaking shards does not solve."""
    # A stale shard of an overlay is made again by every run.
    others = [each for each in report.problems if each.shard_index is None and each.kind != "stale"]
    if not_read := [problem.where for problem in others if problem.kind == NOT_READ]:
        say(
            f"Could not be read, so left alone: {', '.join(not_read[:5])}. Repair again once the "
            "folder can be read; remove files that stay unreadable."
        )
    if elsewhere := [problem.where for problem in others if problem.kind != NOT_READ]:
        say(f"Not in a shard, so not repaired: {', '.join(elsewhere[:5])}; see pairgen verify.")


def _say_changed_shards(
    remade: Sequence[int], before: Mapping[int, Receipt], result: RunResult, say: Say
) -> None:
    """Report the remade shards whose bytes have changed."""
    others = [
        receipt.shard_index
        for receipt in result.manifest.receipts
        if receipt.shard_index in remade
        and receipt.shard_index in before
        and receipt.sha256 != before[receipt.shard_index].sha256
    ]
    if others:
        say(
            f"Shards {', '.join(f'{each:05d}' for each in others[:5])} differ from before: the "
            "software, the hardware or the source has changed."
        )


def _with_batch_size(plan: Plan, batch_size: int) -> Plan:
    """Return the plan with another batch size; with 0, the plan as it is."""
    if not batch_size:
        return plan
    changed = {"batch_size": batch_size}
    options = {**plan.resolved["options"], **changed}
    return replace(
        plan,
        execution={**plan.execution, **changed},
        resolved={**plan.resolved, "options": options},
    )


def _check_plan_fits(store: Store, plan: Plan, receipts: Collection[Receipt]) -> None:
    """Check that the plan is that of the finished shards, not another or an older one.

    Raises:
        ConfigError: All receipts belong to another dataset, or one belongs to this dataset under a
            plan that divided or extended it differently.
    """
    known, tasks = plan.fingerprints(), plan.tasks()
    own = [receipt for receipt in receipts if receipt.fingerprint in known]
    what = ""
    if receipts and not own:
        what = f"is not the plan of its {len(receipts):,} finished shards"
    for receipt in own:
        task = tasks[receipt.shard_index] if receipt.shard_index < len(tasks) else None
        if task is None or not (receipt.fulfils(task) or receipt.begins(task)):
            what = f"is older than {layout.shard_path(receipt.shard_index)}, or was edited"
    later = [each for each in receipts if each not in own and each.stop > plan.num_samples]
    if own and later:
        what = f"is older than {layout.shard_path(later[0].shard_index)}"
    if what:
        raise ConfigError(
            f"{layout.PLAN} of {store.url} {what}: put the right one back, or remove it and run "
            f"`pairgen repair` again, which restores it from {layout.MANIFEST}."
        )

"""What all commands that make a dataset share: the folder checks, and the run itself."""

from dataclasses import replace

from pairgen.errors import ConfigError, FewerAskedError, PlanMismatchError
from pairgen.execution.progress import Progress
from pairgen.execution.run import run_missing
from pairgen.execution.run_result import RunResult, result_of
from pairgen.execution.say import Say, log
from pairgen.kinds.card import render_card
from pairgen.kinds.continuing import check_continues
from pairgen.kinds.run_options import MakingOptions
from pairgen.receipts import Manifest, Receipt
from pairgen.shard_range import ALL_SHARDS, ShardRange
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import (
    is_untouched,
    may_replace,
    readable_receipt,
    scan,
    standing_receipts,
)
from pairgen.shards.format.parsing.plan import check_limits
from pairgen.shards.format.plan_file import (
    check_not_lost,
    create_plan,
    has_plan,
    read_plan,
    write_plan,
)
from pairgen.shards.overlays.catching_up import lags
from pairgen.shards.overlays.overlay import Layer
from pairgen.shards.overlays.values import planned_tasks
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store
from pairgen.types import Plan
from pairgen.wording import counted, part_text, percent_text


def check_folder(store: Store) -> None:
    """Refuse a folder that is not writable, or that holds files pairgen did not make."""
    if isinstance(store, LocalStore):
        store.check_writable()
    if has_plan(store):
        return
    if store.exists(layout.SUBSETS):
        raise ConfigError(f"{store.url} holds sub-sets made by collect: give another --out.")
    check_not_lost(store)
    foreign = [f"{layout.TRAIN}/{name}" for name in store.names(layout.TRAIN)]
    foreign += [layout.CARD] if store.exists(layout.CARD) else []
    if foreign:
        raise ConfigError(
            f"{store.url} holds files that pairgen did not make and would overwrite "
            f"({', '.join(foreign[:3])}): give another --out."
        )


def find_old_plan(store: Store, kind: str, has_inputs: bool) -> Plan | None:
    """Return the plan that a folder is continued by, None to start afresh.

    If nothing was made yet and inputs are given, the command starts afresh: no value of a mistaken
    first try should remain.

    Args:
        store: The dataset folder.
        kind: The kind of dataset to make.
        has_inputs: Whether the user gave prompts or images.

    Raises:
        ConfigError: The folder holds a dataset of another kind.
    """
    if not has_plan(store):
        return None
    old = read_plan(store)
    if old.kind != kind:
        raise ConfigError(f"{store.url} holds a dataset of kind {old.kind!r}, not {kind!r}.")
    return None if has_inputs and is_untouched(store) else old


def claim(store: Store, old: Plan | None, plan: Plan, shard_range: ShardRange) -> None:
    """Make sure that a command may write its inputs to a folder.

    Args:
        store: The dataset folder.
        old: The plan that this command continues; None if it begins a new dataset.
        plan: The plan that it has made.
        shard_range: The part that it makes. Of parts that begin at once, one writes the plan.

    Raises:
        PlanMismatchError: Another dataset was begun after this command checked the folder.
        ConfigError: The plan has too many samples, shards or additions.
    """
    check_limits(plan)
    if shard_range != ALL_SHARDS:
        begin(store, plan, shard_range)
    elif old is None and not is_untouched(store):
        # Another command began in the meantime: if it makes the same dataset, both go on.
        check_continues(read_plan(store), plan)


def begin(store: Store, plan: Plan, shard_range: ShardRange) -> None:
    """Write the plan; for a part, find it if another part has written it.

    Raises:
        PlanMismatchError: Another part has begun another dataset.
        ConfigError: The plan has too many samples, shards or additions.
    """
    check_limits(plan)
    if shard_range == ALL_SHARDS:
        write_plan(store, plan)
        return
    if not create_plan(store, plan):
        standing = read_plan(store)
        check_continues(standing, plan)
        if plan.num_samples > standing.num_samples:
            write_plan(store, plan)
    if not store.exists(layout.PARTS):
        store.put_bytes(layout.PARTS, b"")


def begin_claimed(store: Store, old: Plan | None, plan: Plan, shard_range: ShardRange) -> None:
    """Write the plan of a folder that was claimed; a part has written it when it claimed it.

    Raises:
        PlanMismatchError: Another dataset was begun since, and has finished a shard.
    """
    if shard_range != ALL_SHARDS:
        return
    if old is None:
        if create_plan(store, plan):
            return
        if not is_untouched(store):
            check_continues(read_plan(store), plan)
    write_plan(store, plan)


def check_same_plan(store: Store, old: Plan, plan: Plan, say: Say) -> None:
    """Refuse a different plan once anything was made; report execution settings that changed."""
    if not is_untouched(store):
        check_same(old, plan, say)


def check_same(old: Plan, plan: Plan, say: Say) -> None:
    """Refuse a different plan; report execution settings that changed."""
    check_continues(old, plan)
    changed = [
        f"{name} {value} (before: {old.execution[name]})"
        for name, value in plan.execution.items()
        if old.execution[name] != value
    ]
    if changed:
        say(f"The dataset will mix execution settings: from now on {', '.join(changed)}.")


def _check_receipts(store: Store, manifest: Manifest) -> list[Receipt]:
    """Refuse to make a shard that has a receipt, unless `may_replace` allows it.

    Returns:
        The receipts of short shards that are made again, longer, because the set has grown.

    Raises:
        PlanMismatchError: A receipt belongs to another dataset, cannot be read, or belongs to a
            shard that is not in the plan.
    """
    standing = set(standing_receipts(store))
    if beyond := [shard for shard in standing if shard >= manifest.plan.num_shards]:
        raise PlanMismatchError(
            f"{store.url} has {len(beyond):,} more finished shards than its plan of "
            f"{counted(manifest.plan.num_samples, 'sample')} allows: is its {layout.PLAN} edited "
            "or "
            "outdated? Put the original back, or remove it and let `pairgen repair` restore it "
            f"from {layout.MANIFEST}."
        )
    short = []
    for task in manifest.missing:
        if task.shard_index not in standing:
            continue
        receipt = readable_receipt(store, task.shard_index)
        if receipt is None or not (may_replace(task, receipt) or receipt.fulfils(task)):
            what = "cannot be read" if receipt is None else "belongs to another dataset"
            raise PlanMismatchError(
                f"{layout.receipt_path(task.shard_index)} of {store.url} {what}: run "
                "`pairgen verify` for details, and `pairgen repair` to make the shard again."
            )
        if receipt.begins(task):
            short.append(receipt)
    return short


def make_dataset(
    store: Store,
    plan: Plan,
    options: MakingOptions,
    parent: Layer | None = None,
    shard_range: ShardRange = ALL_SHARDS,
) -> RunResult:
    """Make the missing shards and write the dataset card.

    Args:
        store: The dataset folder, with its plan written.
        plan: The plan.
        options: Executor, number of workers and the share of inputs that may be refused.
        parent: The parent of an overlay, whose stale shards are made again.
        shard_range: The part of the shards to make.

    Raises:
        PairgenError: The run cannot continue; finished shards are kept.
    """
    shards = shard_range.shards(plan.num_shards)
    tasks = None if parent is None else planned_tasks(plan, store, parent)
    before = scan(store, plan, tasks)
    for receipt in _check_receipts(store, before):
        log(
            f"Shard {receipt.shard_index:05d} is made again, longer: it had "
            f"{counted(receipt.stop - receipt.start, 'sample')} before the set grew."
        )
    num_before = sum(
        each.stop - each.start for each in before.receipts if each.shard_index in shards
    )
    num_missing = sum(each.num_slots for each in before.missing if each.shard_index in shards)
    if num_before:
        num_slots = num_before + num_missing
        part = (
            f"{part_text(num_before, num_slots, 'sample')} ({percent_text(num_before / num_slots)})"
        )
        log(f"{part} are done already.")
    progress = Progress(num_before + num_missing, num_before)
    try:
        manifest, stopped = run_missing(store, plan, before, options, progress, tasks, shards)
    finally:
        progress.close()
    store.put_bytes(layout.CARD, render_card(manifest).encode("utf-8"))
    # An overlay catches up with a finished set only.
    for text in lags(store) if parent is None and manifest.complete else ():
        log(text)
    return result_of(store, manifest, stopped, options, shard_range)


def nothing_to_do(
    store: Store, options: MakingOptions, fewer: FewerAskedError, shard_range: ShardRange
) -> RunResult:
    """Return the result of a command that asks for fewer samples than a set has, and leave it.

    Scripts and Makefiles run a command again, whatever was added to its set since then.

    Raises:
        FewerAskedError: Some of the samples that are asked for have not been made.
    """
    plan = read_plan(store)
    manifest = scan(store, plan)
    asked = plan.num_samples if fewer.num_slots is None else fewer.num_slots
    if any(task.start < asked for task in manifest.missing):
        raise fewer
    if manifest.complete:
        log(f"{store.url} {fewer.told}: nothing to do.")
    else:
        log(
            f"{store.url} has the {counted(asked, 'sample')} that you ask for: nothing to do. Its "
            f"plan has {plan.num_samples:,}: to make the others too, give the folder alone."
        )
    # What others are still to make was not asked for.
    return replace(result_of(store, manifest, False, options, shard_range), num_left=0)

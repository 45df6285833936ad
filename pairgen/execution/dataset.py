"""What all commands that make a dataset share: the folder checks, and the run itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.execution.progress import Progress
from pairgen.execution.run import run_missing
from pairgen.execution.say import Say
from pairgen.kinds.card import render_card
from pairgen.kinds.continuing import check_continues
from pairgen.kinds.run_options import MakingOptions
from pairgen.shards.format import layout
from pairgen.shards.format.local_store import LocalStore
from pairgen.shards.format.manifest import (
    is_untouched,
    may_replace,
    readable_receipt,
    scan,
    standing_receipts,
)
from pairgen.shards.format.overlay import Layer
from pairgen.shards.format.plan_file import check_not_lost, has_plan, read_plan
from pairgen.shards.format.store import Store
from pairgen.shards.format.values import planned_tasks
from pairgen.types import Manifest, Plan


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        manifest: The manifest after the run.
        store_url: URL of the dataset folder.
        interrupted: Whether the user stopped the run before its end.
        stopped: Whether the user asked for a stop, even if the run was about to end.
        too_many_rejected: Whether refused inputs and failed slots exceed `max_rejected`.
    """

    manifest: Manifest
    store_url: str
    interrupted: bool
    stopped: bool
    too_many_rejected: bool


@contextmanager
def spooled_input(store: Store, name: str) -> Iterator[Path]:
    """Yield a path for the list of inputs; on failure, remove it and the folder if it is empty."""
    spooled = store.spool(name)
    try:
        yield spooled
    except BaseException:
        store.drop(spooled)
        if not has_plan(store):
            store.prune()
        raise


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


def check_begins(store: Store, old: Plan | None) -> None:
    """Refuse to begin a dataset where another command has just begun one.

    Args:
        store: The dataset folder.
        old: The plan that this command continues; None if it begins a new dataset.

    Raises:
        PlanMismatchError: Something was made after this command checked the folder.
    """
    if old is None and not is_untouched(store):
        raise PlanMismatchError(
            f"Another command has begun a dataset in {store.url} in the meantime: give "
            "another --out, or run this command again."
        )


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


def _check_receipts(store: Store, manifest: Manifest) -> None:
    """Refuse to make a shard that has a receipt, unless `may_replace` allows it.

    Raises:
        PlanMismatchError: A receipt belongs to another dataset, cannot be read, or belongs to a
            shard that is not in the plan.
    """
    standing = set(standing_receipts(store))
    if beyond := [shard for shard in standing if shard >= manifest.plan.num_shards]:
        raise PlanMismatchError(
            f"{store.url} has {len(beyond):,} more finished shards than its plan of "
            f"{manifest.plan.num_samples:,} samples allows: is its {layout.PLAN} edited or "
            "outdated? Put the original back, or remove it and let `pairgen repair` restore it "
            f"from {layout.MANIFEST}."
        )
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


def make_dataset(
    store: Store, plan: Plan, options: MakingOptions, parent: Layer | None = None
) -> RunResult:
    """Make the missing shards and write the dataset card.

    Args:
        store: The dataset folder, with its plan written.
        plan: The plan.
        options: Executor, number of workers and the share of inputs that may be refused.
        parent: The parent of an overlay, whose stale shards are made again.

    Raises:
        PairgenError: The run cannot continue; finished shards are kept.
    """
    tasks = None if parent is None else planned_tasks(plan, store, parent)
    before = scan(store, plan, tasks)
    _check_receipts(store, before)
    num_before = sum(receipt.stop - receipt.start for receipt in before.receipts)
    progress = Progress(plan.num_samples, num_before)
    try:
        manifest, stopped = run_missing(store, plan, before, options, progress, tasks)
    finally:
        progress.close()
    store.put_bytes(layout.CARD, render_card(manifest).encode("utf-8"))
    num_refused = plan.source["num_rejected"] + manifest.num_failed
    num_tried = plan.source["num_rejected"] + plan.num_samples
    return RunResult(
        manifest=manifest,
        store_url=store.url,
        # A stop that was requested during the last shard changes nothing.
        interrupted=stopped and not manifest.complete,
        stopped=stopped,
        too_many_rejected=num_refused > options.max_rejected * num_tried,
    )

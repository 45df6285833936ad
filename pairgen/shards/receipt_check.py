"""Check the receipts against the plan, and the folders against the receipts. Opens no tar."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pairgen.shards import layout
from pairgen.shards.manifest import read_receipt
from pairgen.shards.report import Problem
from pairgen.shards.store import Store
from pairgen.types import Plan, Receipt, ShardTask, canonical_json

# What may change the bits of a sample, as far as receipts record it.
MADE = ("device", "batch_size", "dtype", "cpu_threads", "compile", "versions")


def check_receipts(store: Store, plan: Plan) -> tuple[list[Receipt], list[Problem]]:
    """Return the receipts that fulfil a task of the plan, and what is wrong with the others."""
    tars = set(store.names(layout.TRAIN))
    tasks = {task.shard_index: task for task in plan.tasks()}
    standing = _standing(store)
    readable: dict[int, Receipt] = {}
    problems: list[Problem] = []
    for shard_index in sorted(standing | tasks.keys()):
        task = tasks.get(shard_index)
        receipt = read_receipt(store, shard_index) if shard_index in standing else None
        if receipt is not None:
            readable[shard_index] = receipt
        if task is None or receipt is None or not receipt.fulfils(task):
            problem = _why_not(shard_index, task, receipt, shard_index in standing)
            if problem.kind == "incomplete" and _tar_name(shard_index) in tars:
                problem = replace(problem, detail=problem.detail + ", though the tar stands")
            problems.append(problem)
    valid = {i: r for i, r in readable.items() if i in tasks and r.fulfils(tasks[i])}
    return list(valid.values()), problems + _overlaps(readable, valid)


def check_folder(store: Store, plan: Plan, receipts: Iterable[Receipt]) -> list[Problem]:
    """Return the files under `train/` that no receipt and no task of the plan explains."""
    empty = {receipt.shard_index for receipt in receipts if receipt.count == 0}
    known = {_tar_name(i): i for i in _standing(store) | set(range(plan.num_shards))}
    problems = []
    for name in store.names(layout.TRAIN):
        where = f"{layout.TRAIN}/{name}"
        if name not in known:
            detail = "no task and no receipt names it, and loaders may read it: remove it"
            problems.append(Problem("stray file", where, detail))
        elif known[name] in empty:
            detail = "a tar stands where the receipt counts no sample"
            problems.append(Problem("stray file", where, detail, known[name]))
    return problems


def find_mixes(receipts: Iterable[Receipt]) -> dict[str, tuple[str, ...]]:
    """Return what differs between receipts in how they were made, with the values."""
    values: dict[str, set[str]] = {name: set() for name in MADE}
    for receipt in receipts:
        for name in MADE:
            value = receipt.made.get(name)
            values[name].add(value if isinstance(value, str) else canonical_json(value))
    return {name: tuple(sorted(found)) for name, found in values.items() if len(found) > 1}


def _why_not(
    shard_index: int, task: ShardTask | None, receipt: Receipt | None, stands: bool
) -> Problem:
    """Say why a task has no valid receipt, or a receipt no task."""
    where = layout.receipt_path(shard_index)
    if task is None:
        detail = "the plan has no such shard; repair removes it"
        return Problem("beyond the plan", where, detail, shard_index)
    if receipt is None and stands:
        detail = "not a receipt of this version"
        return Problem("receipt unreadable", where, detail, shard_index)
    if receipt is None or _is_start_of(receipt, task):
        first = task.start if receipt is None else receipt.stop
        detail = f"slots {first} to {task.stop} have no receipt"
        return Problem("incomplete", layout.shard_path(shard_index), detail, shard_index)
    if receipt.fingerprint != task.fingerprint:
        detail = f"fingerprint {str(receipt.fingerprint)[:12]}, not {task.fingerprint[:12]}"
        return Problem("other plan", where, detail, shard_index)
    detail = f"it is of shard {receipt.shard_index}, slots {receipt.start} to {receipt.stop}; "
    detail += f"the plan says slots {task.start} to {task.stop}"
    return Problem("range", where, detail, shard_index)


def _is_start_of(receipt: Receipt, task: ShardTask) -> bool:
    """Whether the set was extended after its last shard was made short."""
    return receipt.stop < task.stop and receipt.fulfils(replace(task, stop=receipt.stop))


def _overlaps(readable: Mapping[int, Receipt], valid: Mapping[int, Receipt]) -> list[Problem]:
    """Return the ranges that meet one before them; blamed is the one that leaves the plan."""
    problems = []
    reach = -1
    for shard_index in sorted(readable, key=lambda i: (readable[i].start, readable[i].stop)):
        receipt = readable[shard_index]
        if reach >= 0 and receipt.start < readable[reach].stop:
            pair = (reach, shard_index) if shard_index in valid else (shard_index, reach)
            blamed, other = (readable[i] for i in pair)
            detail = f"slots {blamed.start} to {blamed.stop} meet those of shard {pair[1]}, "
            detail += f"{other.start} to {other.stop}"
            problems.append(Problem("overlap", layout.receipt_path(pair[0]), detail, pair[0]))
        if reach < 0 or receipt.stop > readable[reach].stop:
            reach = shard_index
    return problems


def _standing(store: Store) -> set[int]:
    """Return the shards that have a file where their receipt belongs."""
    names = (name for name in store.names(layout.RECEIPTS) if name.endswith(".json"))
    stems = (name.removesuffix(".json") for name in names)
    return {int(stem) for stem in stems if stem.isdecimal() and stem == f"{int(stem):05d}"}


def _tar_name(shard_index: int) -> str:
    return layout.shard_path(shard_index).rpartition("/")[2]

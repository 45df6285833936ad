"""Check the receipts against the plan, and the folders against the receipts; open no tar."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pairgen.receipts import Receipt
from pairgen.shards.check.code_ranges import CodeRange, CodeRanges
from pairgen.shards.check.manifest_check import digest
from pairgen.shards.check.report import Problem, Problems, not_read
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import (
    UnreadableReceiptError,
    read_receipt,
    standing_receipts,
)
from pairgen.shards.storage.read_ahead import read_ahead
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, ShardTask, canonical_json
from pairgen.wording import counted

# Recorded settings that may change the bits of a sample.
MADE = ("device", "batch_size", "dtype", "cpu_threads", "compile", "versions")


class Standing(NamedTuple):
    """What is kept of a valid receipt: a dataset may have very many."""

    start: int
    stop: int
    num_samples: int
    num_failed: int
    num_bytes: int


@dataclass(frozen=True)
class CheckedReceipts:
    """The outcome of checking a dataset's receipts.

    Attributes:
        valid: Shards with a valid receipt for a task of the plan, in order.
        mixes: Settings that differ between these receipts, with their values.
        code: Ranges of shards by the hash of the user's own code that made them.
        digests: What tells these receipts from others, by shard.
    """

    valid: Mapping[int, Standing]
    mixes: Mapping[str, tuple[str, ...]]
    code: Sequence[CodeRange] = ()
    digests: Mapping[int, bytes] = field(default_factory=dict)


def check_receipts(
    store: Store,
    plan: Plan,
    problems: Problems,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> CheckedReceipts:
    """Return the receipts that fulfil a task of the plan.

    Args:
        store: The dataset folder.
        plan: The dataset's plan.
        problems: Receives what is wrong with the others.
        on_progress: Called with the number of receipts read and to read.
    """
    tars = set(store.names(layout.TRAIN))
    tasks = {task.shard_index: task for task in plan.tasks()}
    standing = set(standing_receipts(store))
    readable: dict[int, tuple[int, int]] = {}
    valid: dict[int, Standing] = {}
    mixes, code, digests = Mixes(), CodeRanges(), dict[int, bytes]()
    expected = sorted(standing | tasks.keys())
    receipts = read_ahead(lambda shard: _look(store, shard), sorted(standing))
    for num, shard_index in enumerate(expected, start=1):
        receipt = next(receipts) if shard_index in standing else None
        if isinstance(receipt, OSError):
            problems.add([not_read(layout.receipt_path(shard_index), receipt)])
            on_progress(num, len(expected))
            continue
        why_unreadable = ""
        if isinstance(receipt, UnreadableReceiptError):
            why_unreadable, receipt = receipt.reason, None
        task = tasks.get(shard_index)
        if receipt is not None:
            readable[shard_index] = (receipt.start, receipt.stop)
        if task is None or receipt is None or not receipt.fulfils(task):
            problem = _why_not(shard_index, task, receipt, why_unreadable)
            if problem.kind == "incomplete" and _tar_name(shard_index) in tars:
                problem = replace(problem, detail=problem.detail + ", although the tar exists")
            problems.add([problem])
        else:
            mixes.add(receipt)
            code.add(receipt)
            digests[shard_index] = digest(receipt)
            valid[shard_index] = Standing(
                receipt.start, receipt.stop, receipt.count, len(receipt.failed), receipt.num_bytes
            )
        on_progress(num, len(expected))
    problems.add(_overlaps(readable, valid))
    return CheckedReceipts(valid, mixes.found(), code.found(), digests)


def _look(store: Store, shard_index: int) -> Receipt | OSError | UnreadableReceiptError | None:
    """Return a receipt, or why it cannot be read; None if there is no file."""
    try:
        return read_receipt(store, shard_index)
    except (OSError, UnreadableReceiptError) as error:
        return error


def check_unread(store: Store, shards: Mapping[int, Standing]) -> Iterator[Problem]:
    """Yield the problems of unread shards that receipts, names and sizes reveal.

    Args:
        store: The dataset folder.
        shards: Shards that no other check reads, with their receipts.
    """
    tars, indices = store.sizes(layout.TRAIN), set(store.names(layout.INDEX))
    for shard_index, receipt in shards.items():
        num_slots = receipt.stop - receipt.start
        if receipt.num_samples + receipt.num_failed != num_slots:
            detail = (
                f"{counted(receipt.num_samples, 'sample')} and {receipt.num_failed} failed slots"
            )
            detail += f", of {num_slots} slots"
            yield Problem("count", layout.receipt_path(shard_index), detail, shard_index)
        if receipt.num_samples == 0:
            continue
        num_bytes = tars.get(_tar_name(shard_index))
        if num_bytes is None:
            yield missing_shard(shard_index, receipt.num_samples)
        elif num_bytes != receipt.num_bytes:
            yield wrong_size(shard_index, num_bytes, receipt.num_bytes)
        path = layout.index_path(shard_index)
        if path.rpartition("/")[2] not in indices:
            yield Problem("index", path, "the file is missing", shard_index)


def missing_shard(shard_index: int, count: int) -> Problem:
    """Return the problem of a shard that does not exist."""
    detail = f"its receipt counts {counted(count, 'sample')}"
    return Problem("missing shard", layout.shard_path(shard_index), detail, shard_index)


def wrong_size(shard_index: int, num_bytes: int, planned: int) -> Problem:
    """Return the problem of a shard whose size differs from its receipt."""
    detail = f"{num_bytes:,} bytes, the receipt says {planned:,}"
    return Problem("size", layout.shard_path(shard_index), detail, shard_index)


def check_folder(store: Store, plan: Plan, valid: Mapping[int, Standing]) -> Iterator[Problem]:
    """Yield the files under `train/` that belong to no receipt and no task of the plan."""
    empty = {shard_index for shard_index, receipt in valid.items() if receipt.num_samples == 0}
    known = {_tar_name(i): i for i in {*standing_receipts(store), *range(plan.num_shards)}}
    for name in store.names(layout.TRAIN):
        where = f"{layout.TRAIN}/{name}"
        if name not in known:
            detail = "no task and no receipt names it, and loaders may read it: remove it"
            yield Problem("stray file", where, detail)
        elif known[name] in empty:
            detail = "there is a tar, but the receipt counts no samples"
            yield Problem("stray file", where, detail, known[name])


def find_mixes(receipts: Iterable[Receipt]) -> Mapping[str, tuple[str, ...]]:
    """Return the settings that differ between receipts, with their values."""
    mixes = Mixes()
    for receipt in receipts:
        mixes.add(receipt)
    return mixes.found()


class Mixes:
    """Collects the settings that shards were made with."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {name: set() for name in MADE}

    def add(self, receipt: Receipt) -> None:
        """Add one receipt."""
        for name, values in self._values.items():
            value = receipt.made.get(name)
            values.add(value if isinstance(value, str) else canonical_json(value))

    def found(self) -> dict[str, tuple[str, ...]]:
        """Return the settings that differ, with their values."""
        return {
            name: tuple(sorted(values)) for name, values in self._values.items() if len(values) > 1
        }


def _why_not(
    shard_index: int, task: ShardTask | None, receipt: Receipt | None, why_unreadable: str
) -> Problem:
    """Return why a task has no valid receipt, or a receipt no task."""
    where = layout.receipt_path(shard_index)
    if task is None:
        detail = "the plan has no such shard; repair removes it"
        return Problem("beyond the plan", where, detail, shard_index)
    if receipt is None and why_unreadable:
        detail = f"not a receipt of this version: {why_unreadable}"
        return Problem("receipt unreadable", where, detail, shard_index)
    if receipt is None or receipt.begins(task):
        first = task.start if receipt is None else receipt.stop
        detail = f"slots {first} to {task.stop} have no receipt"
        return Problem("incomplete", layout.shard_path(shard_index), detail, shard_index)
    if receipt.fingerprint != task.fingerprint:
        detail = f"fingerprint {str(receipt.fingerprint)[:12]}, not {task.fingerprint[:12]}"
        return Problem("other plan", where, detail, shard_index)
    detail = f"it belongs to shard {receipt.shard_index}, slots {receipt.start} to {receipt.stop}; "
    detail += f"the plan says slots {task.start} to {task.stop}"
    return Problem("range", where, detail, shard_index)


def _overlaps(ranges: Mapping[int, tuple[int, int]], valid: Collection[int]) -> Iterator[Problem]:
    """Yield overlapping ranges; the one that deviates from the plan is blamed."""
    reach = -1
    for shard_index in sorted(ranges, key=lambda i: ranges[i]):
        start, stop = ranges[shard_index]
        if reach >= 0 and start < ranges[reach][1]:
            blamed, other = (reach, shard_index) if shard_index in valid else (shard_index, reach)
            detail = "slots {} to {} overlap those of shard ".format(*ranges[blamed])
            detail += "{}, {} to {}".format(other, *ranges[other])
            yield Problem("overlap", layout.receipt_path(blamed), detail, blamed)
        if reach < 0 or stop > ranges[reach][1]:
            reach = shard_index


def _tar_name(shard_index: int) -> str:
    return layout.shard_path(shard_index).rpartition("/")[2]

"""Check one shard: its bytes, its samples, its slots, its index."""

import hashlib
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from pairgen.errors import CorruptShardError
from pairgen.shards import layout
from pairgen.shards.index import decode_index, index_row
from pairgen.shards.noise_audit import NoiseAudit
from pairgen.shards.planned import Planned, PlannedInputs
from pairgen.shards.reader import (
    DuplicateKeyError,
    StoredSample,
    TruncatedShardError,
    map_file,
    read_samples,
)
from pairgen.shards.report import Problem, Tally
from pairgen.shards.sample_check import SampleCheck
from pairgen.shards.slots import slot_at
from pairgen.shards.store import Store
from pairgen.types import Plan, Receipt, sample_key


class ShardCheck:
    """Checks shard after shard; holds what passes from one to the next.

    Args:
        store: The dataset folder.
        plan: Its plan.
        inputs: What the plan was made of.
    """

    def __init__(self, store: Store, plan: Plan, inputs: PlannedInputs) -> None:
        self._store = store
        self._plan = plan
        self._inputs = inputs
        self._samples = SampleCheck(plan)
        self.noise = NoiseAudit(plan) if plan.kind == "ode" else None
        self.num_samples = 0
        self.num_bytes = 0

    def check(self, receipt: Receipt) -> list[Problem]:
        """Return what is wrong with the shard of a receipt."""
        if receipt.count == 0:
            return _check_slots([], receipt)
        path = layout.shard_path(receipt.shard_index)
        if not self._store.exists(path):
            detail = f"its receipt counts {receipt.count} samples"
            return [Problem("missing shard", path, detail, receipt.shard_index)]
        tally = Tally()
        rows: list[dict[str, Any]] = []
        keys: list[str] = []
        whole = True
        problems = []
        try:
            with self._store.local(path) as local, map_file(local) as view:
                self.num_bytes += len(view)
                problems += _check_bytes(view, path, receipt)
                planned = self._inputs.samples(receipt.start, receipt.stop)
                for stored in read_samples(view):
                    self._check_sample(stored, receipt, keys, planned, rows, tally)
        except (CorruptShardError, OSError) as error:
            # What is left of a damaged shard says nothing about its other slots.
            whole = False
            problems.append(Problem(_kind(error), path, str(error), receipt.shard_index))
        self.num_samples += len(keys)
        if whole:
            problems += _check_slots(keys, receipt)
        problems += tally.problems(path, receipt.shard_index)
        return problems + self._check_index(receipt, rows, whole)

    def _check_sample(
        self,
        stored: StoredSample,
        receipt: Receipt,
        keys: list[str],
        planned: Callable[[int], Planned],
        rows: list[dict[str, Any]],
        tally: Tally,
    ) -> None:
        if keys and stored.key <= keys[-1]:
            tally.add("order", "keys do not rise", stored.key, f"after {keys[-1]}")
        keys.append(stored.key)
        index = _index_of(stored.key)
        if index is None or not receipt.start <= index < receipt.stop:
            slots = f"slots {receipt.start} to {receipt.stop}"
            tally.add("key", f"the key is not one of {slots}", stored.key)
            return
        sample = self._samples.check(stored, planned(index), tally)
        if self.noise is not None:
            noise = sample.fields.get("noise.npy")
            assert noise is None or not isinstance(noise, bytes | str)
            crc32 = sample.facts.get("noise_crc32")
            self.noise.check(slot_at(self._plan, index), noise, crc32, tally)
        rows.append(index_row(sample, receipt.shard_index, stored.offset))

    def _check_index(
        self, receipt: Receipt, rows: list[dict[str, Any]], whole: bool
    ) -> list[Problem]:
        """Compare the index file with what the tar holds."""
        path = layout.index_path(receipt.shard_index)
        try:
            data = self._store.read_bytes(path)
        except OSError as error:
            detail = "the file is missing" if isinstance(error, FileNotFoundError) else str(error)
            return [Problem("index", path, detail, receipt.shard_index)]
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 != receipt.index_sha256:
            # Altered Parquet is not parsed: its reader trusts the sizes that stand in it.
            detail = f"sha256 {sha256[:12]}, the receipt says {receipt.index_sha256[:12]}"
            return [Problem("index", path, detail, receipt.shard_index)]
        try:
            indexed = {row.get("key"): row for row in decode_index(data)}
        except (pa.ArrowException, OSError) as error:
            detail = f"cannot be read: {error}"
            return [Problem("index", path, detail, receipt.shard_index)]
        tally = Tally()
        for row in rows:
            _compare_row(row, indexed.pop(row["key"], None), tally)
        if whole:
            for key in indexed:
                tally.add("index", "rows that the tar has not", str(key))
        return tally.problems(path, receipt.shard_index)


def _check_bytes(view: memoryview, path: str, receipt: Receipt) -> list[Problem]:
    problems = []
    if len(view) != receipt.num_bytes:
        detail = f"{len(view):,} bytes, the receipt says {receipt.num_bytes:,}"
        problems.append(Problem("size", path, detail, receipt.shard_index))
    sha256 = hashlib.sha256(view).hexdigest()
    if sha256 != receipt.sha256:
        detail = f"{sha256[:12]}, the receipt says {receipt.sha256[:12]}"
        problems.append(Problem("sha256", path, detail, receipt.shard_index))
    return problems


def _check_slots(keys: list[str], receipt: Receipt) -> list[Problem]:
    """Check that every slot of the range has a sample or a reason, not both."""
    path, shard_index = layout.shard_path(receipt.shard_index), receipt.shard_index
    tally = Tally()
    present = set(keys)
    failed = {sample_key(slot.index) for slot in receipt.failed}
    for key in map(sample_key, range(receipt.start, receipt.stop)):
        if key not in present and key not in failed:
            tally.add("gap", "neither a sample nor a reason in the receipt", key)
        elif key in present and key in failed:
            tally.add("gap", "a sample, though the receipt says that it failed", key)
    problems = tally.problems(path, shard_index)
    if len(keys) != receipt.count:
        detail = f"{len(keys)} samples, the receipt says {receipt.count}"
        problems.append(Problem("count", path, detail, shard_index))
    return problems


def _compare_row(row: dict[str, Any], indexed: dict[str, Any] | None, tally: Tally) -> None:
    if indexed is None:
        tally.add("index", "samples without a row", row["key"])
        return
    for name, value in row.items():
        if indexed.get(name) != value:
            example = f"{indexed.get(name)!r}, in the tar {value!r}"
            tally.add("index", f"{name} is not that of the tar", row["key"], example[:200])


def _index_of(key: str) -> int | None:
    """Return the slot that a key names; None when it is no key."""
    if not (key.isascii() and key.isdigit()) or key != sample_key(int(key)):
        return None
    return int(key)


def _kind(error: Exception) -> str:
    if isinstance(error, TruncatedShardError):
        return "truncated"
    if isinstance(error, DuplicateKeyError):
        return "duplicate key"
    return "damaged" if isinstance(error, CorruptShardError) else "unreadable"

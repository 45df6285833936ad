"""Check one shard: its bytes, its samples, its slots, its index."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pairgen.errors import CorruptShardError, short
from pairgen.receipts import Receipt
from pairgen.shards.check.fact_types import FactTypes
from pairgen.shards.check.noise_audit import ShardNoise
from pairgen.shards.check.noise_check import NoiseCheck
from pairgen.shards.check.planned import Planned, PlannedInputs
from pairgen.shards.check.receipt_check import missing_shard, wrong_size
from pairgen.shards.check.report import Problem, Tally, not_read
from pairgen.shards.check.sample_check import SampleCheck
from pairgen.shards.format import layout
from pairgen.shards.format.index import decode_table, index_row
from pairgen.shards.format.reader import (
    DuplicateKeyError,
    StoredSample,
    TruncatedShardError,
    map_file,
    read_samples,
)
from pairgen.shards.format.slots import slot_at
from pairgen.shards.format.where import Where
from pairgen.shards.storage.store import Store
from pairgen.sources.arrow_files import UNREADABLE
from pairgen.types import Plan, sample_key
from pairgen.wording import counted


@dataclass(frozen=True, kw_only=True)
class ShardFindings:
    """The findings in one shard.

    Attributes:
        shard_index: Index of the shard.
        problems: What is wrong with it, independent of other shards.
        was_read: Whether its tar was read; False if it has none, or if the scope includes none of
            its samples.
        num_samples: Number of samples found in the tar.
        num_checked: Number of these samples that were checked one by one.
        num_bytes: Size of the tar in bytes.
        types: Types of its facts, compared across the dataset.
        noise: Noise statistics for the dataset; None in a dataset without noise.
    """

    shard_index: int
    problems: tuple[Problem, ...]
    was_read: bool = False
    num_samples: int = 0
    num_checked: int = 0
    num_bytes: int = 0
    types: FactTypes = field(default_factory=FactTypes)
    noise: ShardNoise | None = None


class ShardCheck:
    """Checks shards independently of each other: in any order, anywhere.

    Args:
        store: The dataset folder.
        plan: The dataset's plan.
        inputs: The inputs of the plan.
        where: Samples to check one by one; None for all. A tar without a matching sample is not
            read.
    """

    def __init__(
        self, store: Store, plan: Plan, inputs: PlannedInputs, where: Where | None = None
    ) -> None:
        self._store = store
        self._plan = plan
        self._inputs = inputs
        self._where = where
        self._samples = SampleCheck(plan)

    def check(self, receipt: Receipt) -> ShardFindings:
        """Return the findings in the shard of a receipt."""
        try:
            return self._check(receipt)
        except OSError as error:
            # A shard that cannot be read now need not be bad, so it must not be made again.
            problem = not_read(layout.shard_path(receipt.shard_index), error)
            return ShardFindings(shard_index=receipt.shard_index, problems=(problem,))

    def _check(self, receipt: Receipt) -> ShardFindings:
        """Return the findings in the shard of a receipt.

        Raises:
            OSError: The store cannot be read.
        """
        shard_index = receipt.shard_index
        if receipt.count == 0:
            return ShardFindings(shard_index=shard_index, problems=tuple(_check_slots([], receipt)))
        path = layout.shard_path(shard_index)
        if not self._store.exists(path):
            problem = missing_shard(shard_index, receipt.count)
            return ShardFindings(shard_index=shard_index, problems=(problem,))
        index, index_problems = self._read_index(receipt)
        chosen = None
        if index is not None and self._where is not None:
            chosen = _choose(index, self._where, layout.index_path(shard_index))
        if chosen is not None and not chosen:
            problems = _check_size(self._store.size(path), receipt)
            return ShardFindings(shard_index=shard_index, problems=tuple(problems))
        found = _Found(self._plan)
        problems = []
        num_bytes = 0
        whole = True
        try:
            with self._store.local(path) as local, map_file(local) as view:
                num_bytes = len(view)
                problems += _check_size(num_bytes, receipt)
                problems += _check_sha256(view, path, receipt)
                planned = self._inputs.samples(receipt.start, receipt.stop)
                for stored in read_samples(view):
                    index_in_set = found.take_key(stored.key, receipt)
                    if index_in_set is not None and (chosen is None or stored.key in chosen):
                        self._check_sample(stored, planned(index_in_set), shard_index, found)
        except CorruptShardError as error:
            # The rest of a damaged shard says nothing about its other slots.
            whole = False
            problems.append(Problem(_kind(error), path, str(error), shard_index))
        if whole:
            problems += _check_slots(found.keys, receipt)
        problems += found.tally.problems(path, shard_index)
        if index is not None:
            problems += _compare_index(found, index, whole, receipt)
        return ShardFindings(
            shard_index=shard_index,
            problems=tuple(problems + index_problems),
            was_read=True,
            num_samples=len(found.keys),
            num_checked=found.num_checked,
            num_bytes=num_bytes,
            types=found.types,
            noise=None if found.noise is None else found.noise.found(),
        )

    def _check_sample(
        self, stored: StoredSample, planned: Planned, shard_index: int, found: "_Found"
    ) -> None:
        found.num_checked += 1
        sample = self._samples.check(stored, planned, found.types, found.tally)
        if found.noise is not None:
            noise = sample.fields.get("noise.npy")
            assert noise is None or not isinstance(noise, bytes | str)
            crc32 = sample.facts.get("noise_crc32")
            found.noise.check(slot_at(self._plan, planned.index), noise, crc32, found.tally)
        try:
            row = index_row(sample, shard_index, stored.offset)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            # A recorded draw is free-form JSON: in foreign data it may be anything.
            detail = f"{type(error).__name__}: {error}"
            found.tally.add("unreadable", "the draw in json cannot be read", stored.key, detail)
            return
        found.rows.append(row)

    def _read_index(self, receipt: Receipt) -> tuple[pa.Table | None, list[Problem]]:
        """Return the rows of the shard's index file, or what is wrong with it."""
        path = layout.index_path(receipt.shard_index)
        try:
            data = self._store.read_bytes(path)
        except FileNotFoundError:
            return None, [Problem("index", path, "the file is missing", receipt.shard_index)]
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 != receipt.index_sha256:
            # Do not parse altered Parquet: its reader trusts the sizes stored in it.
            detail = f"sha256 {sha256[:12]}, the receipt says {receipt.index_sha256[:12]}"
            return None, [Problem("index", path, detail, receipt.shard_index)]
        try:
            return decode_table(data, receipt.stop - receipt.start), []
        except UNREADABLE as error:
            detail = f"cannot be read: {short(str(error))}"
            return None, [Problem("index", path, detail, receipt.shard_index)]


class _Found:
    """Findings collected while a shard is read."""

    def __init__(self, plan: Plan) -> None:
        self.keys: list[str] = []
        self.rows: list[dict[str, Any]] = []
        self.num_checked = 0
        self.types = FactTypes()
        self.tally = Tally()
        self.noise = NoiseCheck(plan) if plan.kind == "ode" else None

    def take_key(self, key: str, receipt: Receipt) -> int | None:
        """Record a key; return its slot, or None if it does not belong to this shard."""
        if self.keys and key <= self.keys[-1]:
            self.tally.add("order", "keys are not ascending", key, f"after {self.keys[-1]}")
        self.keys.append(key)
        index = _index_of(key)
        if index is None or not receipt.start <= index < receipt.stop:
            slots = f"slots {receipt.start} to {receipt.stop}"
            self.tally.add("key", f"the key is not one of {slots}", key)
            return None
        return index


def _choose(index: pa.Table, where: Where, path: str) -> set[str]:
    """Return the keys of the samples that meet a condition, from an index and its path."""
    where.check_columns(index.column_names, path)
    kept = index.filter(pa.array(where.mask(index)))
    return set(kept.column("key").to_pylist())


def _compare_index(found: _Found, index: pa.Table, whole: bool, receipt: Receipt) -> list[Problem]:
    """Compare the index with the checked samples, and its keys with those of the whole tar."""
    indexed = {row.get("key"): row for row in index.to_pylist()}
    tally = Tally()
    for row in found.rows:
        _compare_row(row, indexed.get(row["key"]), tally)
    if whole:
        keys = set(found.keys)
        for key in (key for key in indexed if key not in keys):
            tally.add("index", "rows without a sample in the tar", str(key))
    return tally.problems(layout.index_path(receipt.shard_index), receipt.shard_index)


def _check_size(num_bytes: int, receipt: Receipt) -> list[Problem]:
    if num_bytes == receipt.num_bytes:
        return []
    return [wrong_size(receipt.shard_index, num_bytes, receipt.num_bytes)]


def _check_sha256(view: memoryview, path: str, receipt: Receipt) -> list[Problem]:
    sha256 = hashlib.sha256(view).hexdigest()
    if sha256 == receipt.sha256:
        return []
    detail = f"{sha256[:12]}, the receipt says {receipt.sha256[:12]}"
    return [Problem("sha256", path, detail, receipt.shard_index)]


def _check_slots(keys: list[str], receipt: Receipt) -> list[Problem]:
    """Check that every slot of the range has either a sample or a reason."""
    path, shard_index = layout.shard_path(receipt.shard_index), receipt.shard_index
    tally = Tally()
    present = set(keys)
    failed = {sample_key(slot.index) for slot in receipt.failed}
    for key in map(sample_key, range(receipt.start, receipt.stop)):
        if key not in present and key not in failed:
            tally.add("gap", "neither a sample nor a reason in the receipt", key)
        elif key in present and key in failed:
            tally.add("gap", "a sample that failed according to the receipt", key)
    problems = tally.problems(path, shard_index)
    if len(keys) != receipt.count:
        detail = f"{counted(len(keys), 'sample')}, the receipt says {receipt.count}"
        problems.append(Problem("count", path, detail, shard_index))
    return problems


def _compare_row(row: dict[str, Any], indexed: dict[str, Any] | None, tally: Tally) -> None:
    if indexed is None:
        tally.add("index", "samples without a row", row["key"])
        return
    for name, value in row.items():
        if indexed.get(name) != value:
            example = f"{indexed.get(name)!r}, in the tar {value!r}"
            tally.add("index", f"{name} differs from the tar", row["key"], example[:200])


def _index_of(key: str) -> int | None:
    """Return the slot that a key names; None if it is not a key."""
    if not (key.isascii() and key.isdigit()) or key != sample_key(int(key)):
        return None
    return int(key)


def _kind(error: CorruptShardError) -> str:
    if isinstance(error, TruncatedShardError):
        return "truncated"
    return "duplicate key" if isinstance(error, DuplicateKeyError) else "damaged"

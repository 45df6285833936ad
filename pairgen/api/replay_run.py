"""`pairgen replay`: one sample made again from its plan, its source and its record."""

import dataclasses
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pairgen.errors import ConfigError, CorruptShardError
from pairgen.generate.degrade_maker import DegradeMaker
from pairgen.generate.machine import versions
from pairgen.generate.replay import differences
from pairgen.shards import layout
from pairgen.shards.manifest import read_plan, read_receipt
from pairgen.shards.reader import StoredSample, map_file, read_samples
from pairgen.shards.store import Store, open_store
from pairgen.types import FailedSlot, sample_key


@dataclass(frozen=True)
class Replay:
    """How a replay ended.

    Attributes:
        key: Of the sample.
        differences: What differs, in words; empty when every byte is equal.
        software: `name: there a, here b` of versions, and of the device, that differ from those of
            the receipt.
        seconds: It took.
    """

    key: str
    differences: tuple[str, ...]
    software: tuple[str, ...]
    seconds: float


def run_replay(folder: str | Path, key: str) -> Replay:
    """Make one sample of a degraded set again and compare it with what is stored.

    Args:
        folder: The dataset.
        key: Of the sample, nine digits; leading zeros may be left out.

    Raises:
        ConfigError: The folder holds no degraded set, or no such sample.
    """
    start, store = time.perf_counter(), open_store(folder)
    plan = read_plan(store)
    if plan.kind != "degrade":
        raise ConfigError(f"Only degraded sets are replayed so far; {store.url} is {plan.kind!r}.")
    if not key.isdecimal() or int(key) >= plan.num_samples:
        raise ConfigError(f"KEY must be a number from 0 to {plan.num_samples - 1}, got {key!r}.")
    index = int(key)
    shard_index = index // plan.samples_per_shard
    receipt = read_receipt(store, shard_index)
    for slot in receipt.failed if receipt else ():
        if slot.index == index:
            told = "left out" if slot.skipped else "not made"
            raise ConfigError(f"Sample {sample_key(index)} was {told}: {slot.reason}.")
    needed = (layout.receipt_path(shard_index), layout.shard_path(shard_index), layout.IMAGES)
    missing = [path for path in needed if not store.exists(path)]
    if receipt is None or missing:
        raise ConfigError(
            f"{', '.join(missing or needed[:1])} of {store.url} is missing or damaged, and without "
            f"it {sample_key(index)} cannot be compared: see pairgen verify."
        )
    # As that shard was made; the set may have continued in another way.
    made_by = {name: receipt.made[name] for name in plan.execution}
    maker = DegradeMaker(dataclasses.replace(plan, execution=made_by), store)
    made = maker.make_again(index, receipt.start, receipt.stop)
    if isinstance(made, FailedSlot):
        found = [f"the source cannot be used any more: {made.reason}"]
    else:
        shard = layout.shard_path(shard_index)
        with store.local(shard) as local, map_file(local) as view:
            try:
                stored = _sample(read_samples(view), sample_key(index), store)
            except CorruptShardError as error:
                raise CorruptShardError(
                    f"{shard} of {store.url} is damaged, pairgen repair makes it again: {error}."
                ) from None
            members = {name: data for name, data in stored.members.items() if name != "json"}
            facts = json.loads(bytes(stored.members["json"]))
            found = differences(made, members, facts)
    there = {**receipt.made["versions"], "device": receipt.made["device"]}
    here = {**versions(maker.modules), "device": maker.device}
    software = [
        f"{name}: there {there.get(name)}, here {here.get(name)}"
        for name in sorted({*there, *here})
        if there.get(name) != here.get(name)
    ]
    return Replay(sample_key(index), tuple(found), tuple(software), time.perf_counter() - start)


def _sample(samples: Iterator[StoredSample], key: str, store: Store) -> StoredSample:
    for stored in samples:
        if stored.key == key:
            return stored
    raise ConfigError(f"The shards of {store.url} have no sample {key}: see pairgen verify.")

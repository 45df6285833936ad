"""Overlays by value: a sample for each distinct text of the parent, whatever repeats it.

An embedding of a prompt is often larger than the sample, and a set repeats each prompt many times.
Such an overlay has the layout of any other, with this difference: its slots are the distinct texts
of the parent's `txt`, in the order in which they were first found. Two more files say which:

    __meta__/prompts.arrow    the texts, by slot
    __meta__/slots.arrow      from a text's hash to its slot, sorted by hash; made from the former

Texts are only ever appended, so a slot keeps its text when the parent grows. `json` and the index
hold the hash of each sample's text, so whoever reads a shard can compare. A receipt's
`parent_sha256` is the hash of the shard's texts: when a list is made anew in another order, the
shards that no longer fit it are stale, and the command that makes the overlay replaces them.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from pairgen.errors import CorruptShardError
from pairgen.shards.format import layout
from pairgen.shards.format.overlay import Layer, is_by_value
from pairgen.shards.format.parent_shards import overlay_tasks
from pairgen.shards.format.store import Store
from pairgen.sources.arrow_files import UNREADABLE, is_damage
from pairgen.sources.prompts import open_prompts
from pairgen.types import Plan, ShardTask, canonical_json

# The only member whose values the index of every set holds.
TEXT = "txt"
# Fact of each sample: the hash of its text, 32 hex digits.
VALUE_HASH = "value_hash"
# Two of ten million texts have the same 128 bits with probability 1e-25.
HASH = np.dtype("S16")
NO_TEXT = b""


def text_hash(text: str) -> bytes:
    """Return the first 16 bytes of the SHA-256 of a text's UTF-8."""
    return hashlib.sha256(text.encode()).digest()[: HASH.itemsize]


def text_hashes(texts: Iterable[str | None]) -> np.ndarray:
    """Return the hash of every text, S16 [N]; `NO_TEXT` for None."""
    return np.array([NO_TEXT if text is None else text_hash(text) for text in texts], HASH)


@dataclass(frozen=True)
class ValueSlots:
    """The slots of an overlay's texts, found by hash; mapped, so that they cost no memory.

    Attributes:
        hashes: Ascending hashes, S16 [N].
        slots: The slot of each, int64 [N].
    """

    hashes: np.ndarray
    slots: np.ndarray

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """Return the slot of each hash, int64 [M]; -1 for a text that has none."""
        if not len(self.hashes):
            return np.full(len(hashes), -1, np.int64)
        at = np.searchsorted(self.hashes, hashes)
        at[at == len(self.hashes)] = 0
        found: np.ndarray = np.where(self.hashes[at] == hashes, self.slots[at], -1)
        return found


def write_slots(hashes: np.ndarray, path: Path) -> None:
    """Write the slots of texts, given by their hashes in the order of the slots, S16 [N]."""
    order = np.argsort(hashes, kind="stable")
    data = pa.py_buffer(np.ascontiguousarray(hashes[order]))
    sorted_hashes = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(HASH.itemsize), len(hashes), [None, data]
    )
    # One batch, so that readers map each column as one array.
    batch = pa.record_batch([sorted_hashes, pa.array(order, pa.int64())], names=["hash", "slot"])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def read_slots(store: Store) -> ValueSlots:
    """Map the slots of an overlay.

    Raises:
        CorruptShardError: The file is missing or damaged.
        OSError: The store cannot be read.
    """
    try:
        with store.local(layout.SLOTS) as path, pa.memory_map(str(path)) as source:
            batch = pa.ipc.open_file(source).get_batch(0)
        batch.validate()
        hashes, slots = batch.column("hash"), batch.column("slot")
        if hashes.type != pa.binary(HASH.itemsize) or slots.type != pa.int64():
            raise ValueError(f"it holds {batch.schema}")
        found = ValueSlots(np.frombuffer(hashes.buffers()[1], HASH, len(hashes)), slots.to_numpy())
    except UNREADABLE as error:
        raise _unusable(store, layout.SLOTS, error) from None
    return found


def read_texts(store: Store) -> pa.ChunkedArray:
    """Map the texts of an overlay, by slot.

    Raises:
        CorruptShardError: The file is missing or damaged.
        OSError: The store cannot be read.
    """
    try:
        with store.local(layout.PROMPTS) as path:
            texts = open_prompts(path)
        # Reads them all, at gigabytes a second: a damaged text is found before anything is made.
        texts.validate(full=True)
    except UNREADABLE as error:
        raise _unusable(store, layout.PROMPTS, error) from None
    return texts


def _unusable(store: Store, path: str, error: Exception) -> Exception:
    """Return what to raise: an error of the disk or its permissions stays what it is."""
    is_missing = isinstance(error, FileNotFoundError)
    if not (is_missing or is_damage(error)):
        return error
    reason = "is missing" if is_missing else f"cannot be read: {str(error).rstrip('.')}"
    return CorruptShardError(
        f"{path} of {store.url} {reason}; run the command that made the overlay again, which "
        "writes it anew."
    )


def hash_of_texts(texts: Iterable[str]) -> str:
    """Return what a receipt records of its shard's texts."""
    return hashlib.sha256(b"".join(map(text_hash, texts))).hexdigest()


def value_tasks(plan: Plan, store: Store) -> list[ShardTask]:
    """Return the tasks of an overlay by value, each with the hash of its texts.

    Folded with these, `manifest.scan` counts stale shards as missing.

    Raises:
        CorruptShardError: The list of texts is missing, damaged or too short.
    """
    texts = read_texts(store)
    if len(texts) < plan.num_samples:
        short = ValueError(f"it has {len(texts):,} texts, the plan says {plan.num_samples:,}")
        raise _unusable(store, layout.PROMPTS, short)
    return [
        replace(task, parent_sha256=hash_of_texts(rows_of_task(texts, task)))
        for task in plan.tasks()
    ]


def planned_tasks(plan: Plan, store: Store, parent: Layer) -> list[ShardTask]:
    """Return the tasks of an overlay of either kind.

    Raises:
        ConfigError: The parent's shard has not been made yet.
        CorruptShardError: The list of texts is missing, damaged or too short.
    """
    return value_tasks(plan, store) if is_by_value(plan) else overlay_tasks(plan, parent)


def rows_of_task(texts: pa.ChunkedArray, task: ShardTask) -> Sequence[str]:
    """Return the texts of a shard."""
    found: list[str] = texts.slice(task.start, task.num_slots).to_pylist()
    return found


def covered(parent: Layer) -> str:
    """Return the hash of the shards that a parent has now: equal ones have equal texts."""
    shards = [[each, parent.receipts[each].index_sha256] for each in sorted(parent.receipts)]
    return hashlib.sha256(canonical_json(shards).encode()).hexdigest()

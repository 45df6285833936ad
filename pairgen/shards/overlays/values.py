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
import pyarrow.compute as pc

from pairgen.errors import CorruptShardError
from pairgen.shards.format import layout
from pairgen.shards.format.input_lists import read_list
from pairgen.shards.overlays.overlay import Layer, is_by_value
from pairgen.shards.overlays.parent_shards import overlay_tasks
from pairgen.shards.storage.store import Store
from pairgen.sources.arrow_files import map_table
from pairgen.sources.prompts import open_prompts
from pairgen.types import Plan, ShardTask, canonical_json
from pairgen.wording import counted

# The only member whose values the index of every set holds.
TEXT = "txt"
# Fact of each sample: the hash of its text, 32 hex digits.
VALUE_HASH = "value_hash"
# Two of ten million texts have the same 128 bits with probability 1e-25.
HASH = np.dtype("S16")
NO_TEXT = b""
_REMEDY = "run the command that made the overlay again, which writes it anew"


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
    return read_list(store, layout.SLOTS, _slots_in, _REMEDY)


def _slots_in(path: Path) -> ValueSlots:
    (batch,) = map_table(path).to_batches()
    hashes, slots = batch.column("hash"), batch.column("slot")
    if hashes.type != pa.binary(HASH.itemsize) or slots.type != pa.int64():
        raise ValueError(f"it holds {batch.schema}")
    if hashes.null_count or slots.null_count:
        raise ValueError("a slot is missing")
    if len(slots) and not 0 <= pc.min(slots).as_py() <= pc.max(slots).as_py() < len(slots):
        raise ValueError("its slots are none of its own")
    return ValueSlots(np.frombuffer(hashes.buffers()[1], HASH, len(hashes)), slots.to_numpy())


def read_texts(store: Store) -> pa.ChunkedArray:
    """Map the texts of an overlay, by slot.

    Raises:
        CorruptShardError: The file is missing or damaged.
        OSError: The store cannot be read.
    """
    return read_list(store, layout.PROMPTS, open_prompts, _REMEDY)


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
        raise CorruptShardError(
            f"{layout.PROMPTS} of {store.url} cannot be read: it has "
            f"{counted(len(texts), 'text')}, the "
            f"plan says {plan.num_samples:,}; {_REMEDY}."
        )
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

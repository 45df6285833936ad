"""Collect the distinct texts of a set, for an overlay by value: hashes in memory, texts on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pairgen.errors import CorruptShardError, PairgenError
from pairgen.shards.format import layout
from pairgen.shards.format.index import PROMPT
from pairgen.shards.loading.good_shards import read_index
from pairgen.shards.overlays.overlay import Layer
from pairgen.shards.overlays.values import HASH, NO_TEXT, read_texts, text_hashes, write_slots
from pairgen.shards.storage.read_ahead import read_ahead
from pairgen.shards.storage.store import Store


class Seen:
    """The hashes that were seen, in sorted runs whose sizes grow: 16 bytes for each."""

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def take_new(self, hashes: np.ndarray) -> np.ndarray:
        """Return the rows of hashes that are seen for the first time, ascending; remember them.

        Args:
            hashes: S16 [N], `NO_TEXT` where there is no text.
        """
        distinct, rows = np.unique(hashes, return_index=True)
        is_new = distinct != NO_TEXT
        for run in self._runs:
            at = np.searchsorted(run, distinct)
            at[at == len(run)] = 0
            is_new &= run[at] != distinct
        if is_new.any():
            self._remember(distinct[is_new])
        found: np.ndarray = np.sort(rows[is_new])
        return found

    def _remember(self, run: np.ndarray) -> None:
        # Like the digits of a counter: each hash is sorted again a logarithmic number of times.
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            # Stable, which merges what is sorted already.
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)


@dataclass(frozen=True)
class DistinctTexts:
    """The distinct texts of a set: those of the overlay so far, then where the new ones stand.

    Attributes:
        known: The texts that the overlay has, by slot; None if it has no list.
        hashes: Hash of every text, by slot, S16 [N].
        places: Shards of the parent with new texts, and the rows of these in their indices.
    """

    known: pa.ChunkedArray | None
    hashes: np.ndarray
    places: Sequence[tuple[int, np.ndarray]]

    @property
    def num_known(self) -> int:
        """Number of texts that the overlay has."""
        return 0 if self.known is None else len(self.known)


def find_texts(parent: Layer, overlay: Store) -> DistinctTexts:
    """Find the texts of a set that its overlay lacks, in the order of their first occurrence.

    Args:
        parent: The set, with all its receipts.
        overlay: The overlay; its list is made anew if it is missing or damaged.

    Raises:
        CorruptShardError: An index of the set is missing or damaged.
    """
    try:
        known = read_texts(overlay)
    except CorruptShardError:
        known = None
    seen = Seen()
    hashes = [] if known is None else [_hashes(chunk) for chunk in known.iterchunks()]
    for each in hashes:
        seen.take_new(each)
    places = []
    shards = [shard for shard, receipt in sorted(parent.receipts.items()) if receipt.count]
    found = read_ahead(lambda shard: _hashes(_texts_of(parent, shard)), shards)
    for shard, of_shard in zip(shards, found, strict=True):
        rows = seen.take_new(of_shard)
        if len(rows):
            places.append((shard, rows))
            hashes.append(of_shard[rows])
    return DistinctTexts(known, np.concatenate(hashes or [np.empty(0, HASH)]), places)


def write_texts(texts: DistinctTexts, parent: Layer, overlay: Store) -> None:
    """Write the list of texts and their slots, each atomically.

    A reader between the two finds no slot for the new texts, as before.

    Raises:
        CorruptShardError: An index of the set is missing or damaged.
        PairgenError: The set was changed since its texts were found.
    """
    written = overlay.spool(Path(layout.PROMPTS).name)
    try:
        _write(texts, parent, written)
        overlay.put_file(written, layout.PROMPTS)
        written = overlay.spool(Path(layout.SLOTS).name)
        write_slots(texts.hashes, written)
        overlay.put_file(written, layout.SLOTS)
    finally:
        overlay.drop(written)


def _write(texts: DistinctTexts, parent: Layer, path: Path) -> None:
    schema = pa.schema([(PROMPT, pa.large_string())])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in _batches(texts, parent):
            writer.write_batch(pa.record_batch([batch.cast(pa.large_string())], schema=schema))


def _batches(texts: DistinctTexts, parent: Layer) -> Iterator[pa.Array]:
    if texts.known is not None:
        yield from texts.known.iterchunks()
    start = texts.num_known
    found = read_ahead(lambda place: _texts_of(parent, place[0]).take(place[1]), texts.places)
    for (shard, rows), batch in zip(texts.places, found, strict=True):
        if not np.array_equal(_hashes(batch), texts.hashes[start : start + len(rows)]):
            raise PairgenError(
                f"{layout.shard_path(shard)} of {parent.store.url} has changed while its texts "
                "were read: run this command again."
            )
        start += len(rows)
        yield batch


def _texts_of(parent: Layer, shard: int) -> pa.Array:
    column = read_index(parent, shard, [PROMPT]).column(PROMPT)
    return column.combine_chunks()


def _hashes(texts: pa.Array) -> np.ndarray:
    return text_hashes(texts.to_pylist())

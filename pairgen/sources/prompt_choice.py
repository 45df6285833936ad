"""Choose which accepted prompts a dataset takes, and in which order.

Duplicates are found by 16-byte digests (BLAKE2b). The prompts wait in a temporary file; memory
holds 24 bytes per prompt, and 16 more while they are shuffled.
"""

import hashlib
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pairgen.seeding import Stream, generator_for

# A batch is full once it has this many prompts, or bytes.
BATCH_ROWS, BATCH_BYTES = 10_000, 2**24
DIGEST_BYTES = 16
# Duplicates are searched group by group, among prompts whose digests begin alike.
NUM_GROUPS = 16


@dataclass(frozen=True)
class Choice:
    """What happens to the accepted prompts, in this order.

    Attributes:
        dedupe: Whether to keep only the first of equal prompts.
        shuffle: Whether to shuffle them, in an order drawn from `seed`.
        limit: Maximum number of prompts to keep; 0 for all.
        seed: Seed of the order.
    """

    dedupe: bool = False
    shuffle: bool = False
    limit: int = 0
    seed: int = 0

    @property
    def needs_all(self) -> bool:
        """Whether the first prompt is known only once the last one has been read."""
        return self.dedupe or self.shuffle


@dataclass
class ChoiceCounts:
    """Accepted prompts that are not in the dataset.

    Attributes:
        num_duplicates: Number of duplicates of an earlier prompt.
        num_left_out: Number of prompts beyond the limit, as far as they were read.
    """

    num_duplicates: int = 0
    num_left_out: int = 0


def choose(
    batches: Iterable[list[bytes]], choice: Choice, folder: Path, counts: ChoiceCounts
) -> Iterator[list[bytes]]:
    """Yield the chosen prompts in batches.

    Args:
        batches: Batches of accepted prompts, UTF-8. No more are read once the limit is reached and
            nothing depends on the rest.
        choice: What to do with the prompts.
        folder: Folder for a temporary file.
        counts: Counters to update.
    """
    if choice.needs_all:
        yield from _choose_of_all(batches, choice, folder, counts)
        return
    num_chosen = 0
    for batch in batches:
        chosen = batch[: choice.limit - num_chosen] if choice.limit else batch
        counts.num_left_out += len(batch) - len(chosen)
        num_chosen += len(chosen)
        yield chosen
        if choice.limit and num_chosen == choice.limit:
            return


def first_rows(digests: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the rows whose digest [N, 16] occurs in no earlier row, ascending."""
    is_first = np.ones(len(digests), dtype=bool)
    group_of = digests[:, 0] % NUM_GROUPS
    for group in range(NUM_GROUPS):
        rows = np.flatnonzero(group_of == group)
        words = np.ascontiguousarray(digests[rows]).view(np.uint64)
        # The sort is stable: the earliest row of equal digests comes first.
        order = np.lexsort((words[:, 1], words[:, 0]))
        repeats = (words[order[1:]] == words[order[:-1]]).all(axis=1)
        is_first[rows[order[1:][repeats]]] = False
    return np.flatnonzero(is_first)


def shuffled(rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the rows in an order drawn from a seed: by one 64-bit Philox number each."""
    numbers = generator_for(seed, 0, Stream.PROMPT_ORDER).bit_generator.random_raw(len(rows))
    return rows[np.argsort(numbers, kind="stable")]


def _choose_of_all(
    batches: Iterable[list[bytes]], choice: Choice, folder: Path, counts: ChoiceCounts
) -> Iterator[list[bytes]]:
    ends, digests = array("q", [0]), bytearray()
    with tempfile.TemporaryFile(dir=folder) as file:
        num_rows = 0
        for batch in batches:
            num_rows += len(batch)
            for raw in batch:
                file.write(raw)
                ends.append(ends[-1] + len(raw))
                if choice.dedupe:
                    digests += hashlib.blake2b(raw, digest_size=DIGEST_BYTES).digest()
        file.flush()
        rows = np.arange(num_rows)
        if choice.dedupe:
            rows = first_rows(np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES))
            counts.num_duplicates += num_rows - len(rows)
            del digests
        if choice.shuffle:
            rows = shuffled(rows, choice.seed)
        chosen = rows[: choice.limit] if choice.limit else rows
        counts.num_left_out += len(rows) - len(chosen)
        yield from _read_rows(file.fileno(), ends, chosen)


def _read_rows(file: int, ends: Sequence[int], rows: NDArray[np.int64]) -> Iterator[list[bytes]]:
    batch, num_bytes = [], 0
    for first in range(0, len(rows), BATCH_ROWS):
        for row in rows[first : first + BATCH_ROWS].tolist():
            batch.append(os.pread(file, ends[row + 1] - ends[row], ends[row]))
            num_bytes += len(batch[-1])
            if len(batch) == BATCH_ROWS or num_bytes >= BATCH_BYTES:
                yield batch
                batch, num_bytes = [], 0
    if batch:
        yield batch

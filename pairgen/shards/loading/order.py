"""The order in which a training reads its samples: a pure function of numbers, without files.

Each dataset is an endless stream: pass after pass over its shards, each pass in a different order.
An epoch takes `weight * size` samples from where the last one ended, so weight 1 is every sample
once, 2 is twice, and at 0.5 two epochs together are every sample once. The epoch's stretch is cut
into equal parts wherever the cuts fall: parts never share a sample, and each reads few shards. A
rank reads one part or several, so the number of ranks may change while the parts stay. A part is
mixed in windows of `window` pieces of shards. Samples of several datasets are interleaved in a
random order with the exact shares. What does not divide by parts and batches is left out at the end
of the epoch; other samples each epoch.

Datasets of several shapes fill batches of one shape each, which follow each other in a random order
that is the same for all parts: every rank has the same shape in a step. What does not divide is
then left out for each shape.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pairgen.errors import ConfigError
from pairgen.option_names import option_text
from pairgen.seeding import Stream, generator_for
from pairgen.wording import counted


@dataclass(frozen=True)
class Piece:
    """Samples `start` to `stop` of a shard, counted among those that are read."""

    shard: int
    start: int
    stop: int


@dataclass(frozen=True)
class Places:
    """Where the samples of one batch are.

    Attributes:
        sets: Index of each sample's dataset, [B].
        shards: Position of its shard in the dataset's list, [B].
        rows: Position of the sample among the shard's samples, [B].
        in_use: (set, shard) of this batch and of the windows that it belongs to.
        ahead: (set, shard) of the windows that come next.
    """

    sets: np.ndarray
    shards: np.ndarray
    rows: np.ndarray
    in_use: frozenset[tuple[int, int]]
    ahead: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Order:
    """The numbers that fix the order.

    Attributes:
        counts: Number of samples in every shard of every dataset.
        weights: How often an epoch takes each sample of each dataset, on average.
        seed: Seed of the order, in [0, 2^63).
        window: Number of shard pieces to mix with each other.
        batch_size: Number of samples that each part contributes to a batch.
        num_parts: Number of parts of an epoch.
        shapes: Number of every dataset's shape, from 0; empty if all have the same.
    """

    counts: tuple[tuple[int, ...], ...]
    weights: tuple[float, ...]
    seed: int
    window: int
    batch_size: int
    num_parts: int
    shapes: tuple[int, ...] = ()

    def epoch_sizes(self) -> list[int]:
        """Return the number of samples that an epoch takes from each dataset."""
        # As decimals: 0.29 * 100 is 29, though the float below 0.29 would give 28.
        pairs = zip(self.weights, self.counts, strict=True)
        return [int(Fraction(str(weight)) * sum(counts)) for weight, counts in pairs]

    def part_sizes(self) -> list[int]:
        """Return the number of samples that each part takes from each dataset, before batching."""
        return [size // self.num_parts for size in self.epoch_sizes()]

    def _shape_sizes(self) -> list[int]:
        """Return the number of samples that each part takes of each shape, before batching."""
        sizes = [0] * (max(self.shapes, default=0) + 1)
        for number, size in enumerate(self.part_sizes()):
            sizes[self.shapes[number] if self.shapes else 0] += size
        return sizes

    def shape_batches(self) -> list[int]:
        """Return the number of batches of each shape in an epoch."""
        return [size // self.batch_size for size in self._shape_sizes()]

    @property
    def num_batches(self) -> int:
        """Number of batches in an epoch."""
        return sum(self.shape_batches())

    def unread(self) -> list[int]:
        """Return the datasets that are too small for any batch of their shape."""
        num_batches = self.shape_batches()
        return [
            number
            for number, size in enumerate(self.part_sizes())
            if size == 0 or (self.shapes and not num_batches[self.shapes[number]])
        ]

    def check(self) -> None:
        """Raise ConfigError if an epoch has no batch, or takes nothing from one of the datasets.

        Of datasets with several shapes, some may be too small: `unread` names them.
        """
        sizes = self.part_sizes()
        for number, (size, count) in enumerate(zip(sizes, self.counts, strict=True)):
            if size == 0 and not self.shapes:
                raise ConfigError(
                    f"An epoch takes no samples from set {number}: "
                    f"{counted(sum(count), 'sample')} at "
                    f"weight {self.weights[number]} for {self.num_parts} parts are fewer than one "
                    "each."
                )
        if self.num_batches == 0:
            most = self.num_parts * max(self._shape_sizes())
            of = "one shape in an epoch" if self.shapes else "an epoch"
            raise ConfigError(
                f"The batch of a step must be at most the {most:,} samples of {of} here, got "
                f"{self.batch_size * self.num_parts:,}: give a smaller {option_text('batch_size')}."
            )

    def batches(self, epoch: int, part: int, start: int = 0) -> Iterator[Places]:
        """Yield the batches of one part of one epoch, starting with batch `start`."""
        labels = self._labels(epoch, part)
        before = np.bincount(labels[: start * self.batch_size], minlength=len(self.counts))
        cursors, unread = [], self.unread()
        for set_index, (size, taken) in enumerate(zip(self.part_sizes(), before, strict=True)):
            first = epoch * self.epoch_sizes()[set_index] + part * size
            last = first if set_index in unread else first + size
            pieces = stream_pieces(self.counts[set_index], self.seed, set_index, first, last)
            cursors.append(_Cursor(pieces, first, set_index, self.seed, self.window, int(taken)))
        for step in range(start, self.num_batches):
            sets = labels[step * self.batch_size : (step + 1) * self.batch_size]
            yield _places(sets, cursors)

    def _labels(self, epoch: int, part: int) -> np.ndarray:
        """Return the dataset of every sample of a part, [N]."""
        generator = generator_for(self.seed, epoch, Stream.SET_ORDER, part=part)
        sets, sizes = np.arange(len(self.counts), dtype=np.uint16), np.array(self.part_sizes())
        if not self.shapes:
            labels = np.repeat(sets, sizes)
            if len(sets) > 1:
                generator.shuffle(labels)
            return labels
        num_batches = self.shape_batches()
        turns = np.repeat(np.arange(len(num_batches)), num_batches)
        generator_for(self.seed, epoch, Stream.SHAPE_ORDER).shuffle(turns)
        batches = np.empty((len(turns), self.batch_size), np.uint16)
        for shape, num in enumerate(num_batches):
            of_shape = np.array(self.shapes) == shape
            labels = np.repeat(sets[of_shape], sizes[of_shape])
            generator.shuffle(labels)
            batches[turns == shape] = labels[: num * self.batch_size].reshape(-1, self.batch_size)
        return batches.ravel()


def joined(parts: Sequence[Places]) -> Places:
    """Merge the batches of several parts into one, in order."""
    if len(parts) == 1:
        return parts[0]
    in_use = frozenset().union(*(part.in_use for part in parts))
    ahead = {place: None for part in parts for place in part.ahead if place not in in_use}
    return Places(
        sets=np.concatenate([part.sets for part in parts]),
        shards=np.concatenate([part.shards for part in parts]),
        rows=np.concatenate([part.rows for part in parts]),
        in_use=in_use,
        ahead=tuple(ahead),
    )


def stream_pieces(
    counts: tuple[int, ...], seed: int, set_index: int, first: int, last: int
) -> list[Piece]:
    """Return the pieces at positions `first` to `last` of a dataset's endless stream.

    Args:
        counts: Number of samples in every shard of the dataset; at least one sample in total.
        seed: Seed of the order.
        set_index: Index of the dataset.
        first: First position.
        last: One past the last position.
    """
    sizes = np.asarray(counts, dtype=np.int64)
    total = int(sizes.sum())
    pieces = []
    while first < last:
        number, offset = divmod(first, total)
        generator = generator_for(seed, number, Stream.SHARD_ORDER, part=set_index)
        shards = generator.permutation(len(sizes))
        ends = np.cumsum(sizes[shards])
        stop = min(last - number * total, total)
        for i in range(int(np.searchsorted(ends, offset, side="right")), len(shards)):
            begin = int(ends[i] - sizes[shards[i]])
            if begin >= stop:
                break
            piece = Piece(int(shards[i]), max(0, offset - begin), min(int(ends[i]), stop) - begin)
            if piece.start < piece.stop:
                pieces.append(piece)
        first = number * total + stop
    return pieces


class _Cursor:
    """Walks through a part of one dataset, one window at a time."""

    def __init__(
        self, pieces: list[Piece], first: int, set_index: int, seed: int, window: int, skip: int
    ) -> None:
        self._windows = [pieces[i : i + window] for i in range(0, len(pieces), window)]
        self._position = first
        self._set_index = set_index
        self._seed = seed
        self._number = -1
        self._shards = self._rows = np.empty(0, dtype=np.int64)
        while skip and self._windows:
            size = _size(self._windows[self._number + 1])
            if skip < size:
                self._enter_next()
                self._shards, self._rows = self._shards[skip:], self._rows[skip:]
                break
            skip -= size
            self._number += 1
            self._position += size

    def take(self, num: int) -> tuple[np.ndarray, np.ndarray, set[int], list[int]]:
        """Return shards and rows of the next samples, the shards in use, and those ahead.

        A step that crosses from one window into the next names none ahead: together with those of
        both windows, that would be three open windows.
        """
        in_use = self._window_shards(self._number)
        parts = []
        crossed = False
        while num > len(self._rows):
            parts.append((self._shards, self._rows))
            num -= len(self._rows)
            crossed = crossed or self._number >= 0
            self._enter_next()
            in_use |= self._window_shards(self._number)
        parts.append((self._shards[:num], self._rows[:num]))
        self._shards, self._rows = self._shards[num:], self._rows[num:]
        ahead = set() if crossed else self._window_shards(self._number + 1)
        shards, rows = (np.concatenate(column) for column in zip(*parts, strict=True))
        return shards, rows, in_use, sorted(ahead - in_use)

    def _enter_next(self) -> None:
        self._number += 1
        pieces = self._windows[self._number]
        shards = [np.full(piece.stop - piece.start, piece.shard) for piece in pieces]
        rows = [np.arange(piece.start, piece.stop) for piece in pieces]
        # No other window starts at this position of the dataset's stream, on any rank or epoch.
        generator = generator_for(
            self._seed, self._position, Stream.SAMPLE_ORDER, part=self._set_index
        )
        order = generator.permutation(_size(pieces))
        self._shards, self._rows = np.concatenate(shards)[order], np.concatenate(rows)[order]
        self._position += len(order)

    def _window_shards(self, number: int) -> set[int]:
        if not 0 <= number < len(self._windows):
            return set()
        return {piece.shard for piece in self._windows[number]}


def _size(pieces: list[Piece]) -> int:
    return sum(piece.stop - piece.start for piece in pieces)


def _places(sets: np.ndarray, cursors: list[_Cursor]) -> Places:
    """Take a batch whose samples belong to `sets`, [B]."""
    shards, rows = np.empty(len(sets), np.int64), np.empty(len(sets), np.int64)
    in_use: set[tuple[int, int]] = set()
    ahead: list[tuple[int, int]] = []
    for set_index, cursor in enumerate(cursors):
        of_set = sets == set_index
        shards[of_set], rows[of_set], used, coming = cursor.take(int(of_set.sum()))
        in_use |= {(set_index, shard) for shard in used}
        ahead += [(set_index, shard) for shard in coming]
    return Places(sets, shards, rows, frozenset(in_use), tuple(ahead))

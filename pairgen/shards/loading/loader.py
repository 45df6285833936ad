"""The loader of training batches."""

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from pairgen.config import boolean, choice, integer
from pairgen.errors import ConfigError
from pairgen.shards.format.where import parse_where
from pairgen.shards.loading.batch import GUIDANCE_SCALE, Batch, fill_batch
from pairgen.shards.loading.buffers import Buffers
from pairgen.shards.loading.cache import open_cache
from pairgen.shards.loading.device import on_device
from pairgen.shards.loading.left_out import LeftOut, say_left_out
from pairgen.shards.loading.loader_state import LoaderState
from pairgen.shards.loading.mixture import (
    Datasets,
    check_one_guidance,
    check_other_noises,
    columns_to_read,
    frame_images,
    training_sets,
)
from pairgen.shards.loading.only_iterated import OnlyIterated
from pairgen.shards.loading.order import Order, Places, joined
from pairgen.shards.loading.shapes import find_shapes, say_unread
from pairgen.shards.loading.shard_pool import CHECKS, LoadedShard, ShardPool
from pairgen.shards.loading.training_set import guidance_scales, open_set
from pairgen.shown import Shown, ShownTable
from pairgen.types import Plan
from pairgen.wording import counted

DEFAULT_CACHE = "~/.cache/pairgen/shards"
DEVICES = ("cpu", "cuda")


class Loader(OnlyIterated, Shown):
    """Batches of one or several datasets, in an order that depends on numbers alone.

    Iterating yields the rest of the current epoch, then the next one: a loop that was left
    continues where it stopped. `len` is the number of batches of a whole epoch, the same on every
    rank. A batch does not depend on `num_threads`, and its arrays are reused only once nothing
    refers to them. A torch `DataLoader` around it adds nothing and is refused.

    Create one loader per rank, with its `rank`; all other arguments must be equal.

    Args:
        datasets: Folders, URLs, or `TrainingSet`s with weights and overlays. A folder of buckets
            stands for all its sub-sets: a batch then has one shape, the next may have another.
        fields: Members to load, named as in the shard: `noise.npy`, `latent.npy`, `txt`, `png` ...
            `noise.npy` is drawn again if a dataset stores its seeds.
        batch_size: Number of samples in a batch of this rank.
        seed: Seed of the order, in [0, 2^63).
        window: Number of shards of a dataset to mix with each other; twice as many are open.
        rank: Rank of this process, in [0, world_size).
        world_size: Number of ranks. Samples that do not divide into equal batches for all ranks
            are left out at the end of the epoch, other samples each epoch.
        num_parts: Number of parts that the order is cut into, a multiple of `world_size`; None for
            one per rank. As long as it and the batch over all ranks stay the same, the number of
            ranks may change at any step without changing the samples of a step.
        where: Condition over columns of the index and of the overlays' indices, such as
            `guidance_scale == 8`; see `pairgen.shards.format.where`.
        facts: Columns of the index, or of an overlay's index, to return with the batch.
        crop: Side of a random crop in pixels of the largest image of `fields`, the same part of
            every image of a sample; 0 for whole images. Drawn anew in every epoch.
        flip: Whether to flip all images of a sample left to right with probability 1/2.
        guidance_embedding: Whether the student takes the guidance scale as an input, so that
            several scales may be mixed.
        allow_shared_noise: Whether datasets with the same noises may be mixed.
        check: `sha256` hashes every shard once before its first use, `size` checks its size only.
        skip_bad: Whether to train without bad shards, and log each once. A shard that is missing,
            stale or of the wrong size is left out from the start. A shard whose hash turns out
            wrong is replaced by the next good shard of its dataset, whose samples then come more
            often: on every rank alike, and independent of timing.
        cache: Cache folder for shards behind a URL; processes may share it.
        cache_bytes: Maximum size of the cache in bytes.
        num_threads: Number of batches to read in parallel.
        num_ahead: Number of batches to prefetch.
        device: Device for the tensors. For a CUDA device, batches are read to pinned memory and
            copied while the training continues.
        state: State from `state()`; continues with the batch that would have come next.

    Raises:
        ConfigError: An argument does not match the datasets.
        CorruptShardError: A shard is missing, has the wrong size or, later, was altered.
    """

    def __init__(
        self,
        datasets: Datasets,
        *,
        fields: Sequence[str],
        batch_size: int,
        seed: int = 0,
        window: int = 8,
        rank: int = 0,
        world_size: int = 1,
        num_parts: int | None = None,
        where: str | None = None,
        facts: Sequence[str] = (),
        crop: int = 0,
        flip: bool = False,
        guidance_embedding: bool = False,
        allow_shared_noise: bool = False,
        check: str = "sha256",
        skip_bad: bool = False,
        cache: str | Path = DEFAULT_CACHE,
        cache_bytes: int = 100 * 10**9,
        num_threads: int = 2,
        num_ahead: int = 4,
        device: str | torch.device = "cpu",
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._rank = integer("rank", rank, 0, integer("world_size", world_size, 1) - 1)
        num_parts = world_size if num_parts is None else integer("num_parts", num_parts, 1)
        for name, value, divisor in (
            ("num_parts", num_parts, world_size),
            ("batch_size", integer("batch_size", batch_size, 1), max(1, num_parts // world_size)),
        ):
            if value % divisor:
                raise ConfigError(f"{name} must be a multiple of {divisor}, got {value}.")
        each = num_parts // world_size
        self._parts = range(self._rank * each, (self._rank + 1) * each)
        self._num_threads = integer("num_threads", num_threads, 1)
        self._num_ahead = integer("num_ahead", num_ahead, 1)
        choice("check", check, CHECKS)
        self._device = torch.device(device)
        choice("device", self._device.type, DEVICES)
        if self._device.type == "cuda" and not torch.cuda.is_available():
            raise ConfigError("device is 'cuda', but no CUDA device is found.")
        if isinstance(fields, str):
            raise ConfigError(f"fields must be a list of names, such as [{fields!r}].")
        chosen = training_sets(datasets)
        condition = parse_where(where) if where else None
        wanted = {*fields, *facts}
        self._sets = [open_set(item, condition, skip_bad, wanted) for item in chosen]
        self._framing = frame_images(
            self._sets,
            fields,
            integer("seed", seed, 0, 2**63 - 1),
            integer("crop", crop, 0),
            boolean("flip", flip),
        )
        shapes = find_shapes(self._sets, fields, self._framing)
        columns = [columns_to_read(found, fields, facts) for found in self._sets]
        if not guidance_embedding:
            check_one_guidance(self._sets)
        if not allow_shared_noise:
            check_other_noises(self._sets)
        self._order = Order(
            counts=tuple(found.counts for found in self._sets),
            weights=tuple(item.weight for item in chosen),
            seed=self._framing.seed,
            window=integer("window", window, 1),
            batch_size=batch_size // each,
            num_parts=num_parts,
            shapes=shapes.of_sets if len(shapes.specs) > 1 else (),
        )
        self._order.check()
        say_unread(self._order, self._sets)
        if self._rank == 0:
            say_left_out(*self.left_out)
        opened = open_cache(self._sets, Path(cache), cache_bytes, self._order.window)
        self._pool = ShardPool(self._sets, tuple(shapes.specs[0]), columns, check, skip_bad, opened)
        self._texts = shapes.texts
        self._fields, self._facts = tuple(fields), tuple(facts)
        self._with_guidance = all(GUIDANCE_SCALE in names for names in columns)
        pinned = self._device.type == "cuda"
        buffers = [Buffers(arrays, batch_size, pinned) for arrays in shapes.arrays()]
        self._buffers = [buffers[shape] for shape in shapes.of_sets]
        start = LoaderState(
            epoch=0,
            step=0,
            seed=self._order.seed,
            batch_size=self._order.batch_size,
            num_parts=self._order.num_parts,
            window=self._order.window,
            where=where or "",
            crop=self._framing.crop,
            flip=self._framing.flip,
            sets=tuple(
                {**found.identity(), "weight": weight, **shape}
                for found, weight, shape in zip(
                    self._sets, self._order.weights, shapes.identities(), strict=True
                )
            ),
        )
        urls = [found.url for found in self._sets]
        self._state = start if state is None else start.resumed(state, urls)

    def __len__(self) -> int:
        """Number of batches of this rank in a whole epoch."""
        return self._order.num_batches

    @property
    def epoch(self) -> int:
        """Epoch of the next batch, from 0."""
        return self._state.epoch

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Plans of the datasets."""
        return tuple(found.base.plan for found in self._sets)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What is left out of each dataset whose overlays lack samples."""
        return tuple(found.left_out for found in self._sets if found.left_out is not None)

    @property
    def guidance_scales(self) -> tuple[float, ...]:
        """Guidance scales among the samples that are read, in ascending order."""
        return tuple(sorted(set().union(*(guidance_scales(found) for found in self._sets))))

    @property
    def num_samples(self) -> int:
        """Number of samples per epoch over all ranks."""
        return len(self) * self._order.batch_size * self._order.num_parts

    def shown(self) -> ShownTable:
        """Return what is read, in what batches, and which comes next."""
        each = self._order.batch_size * len(self._parts)
        rows = [("set", found.url) for found in self._sets]
        rows += [("fields", ", ".join(self._fields)), ("facts", ", ".join(self._facts))]
        rows += [("guidance scales", ", ".join(f"{scale:g}" for scale in self.guidance_scales))]
        rows += [("next", f"batch {self._state.step:,} of epoch {self._state.epoch:,}")]
        rows += [("device", str(self._device))]
        if each != self._order.batch_size * self._order.num_parts:
            rows.append(("rank", f"{self._rank}"))
        return ShownTable(
            f"Loader: {counted(self.num_samples, 'sample')} an epoch, "
            f"{counted(len(self), 'batch', 'batches')} of {each:,}",
            [row for row in rows if row[1]],
        )

    def state(self) -> dict[str, Any]:
        """Return the position of the loader, as plain JSON: the batch that comes next."""
        return self._state.to_dict()

    def __iter__(self) -> Iterator[Batch]:
        """Yield the rest of the epoch."""
        epoch, start = self._state.epoch, self._state.step
        parts = [self._order.batches(epoch, part, start) for part in self._parts]
        batches = self._read(epoch, map(joined, zip(*parts, strict=True)))
        if self._device.type == "cuda":
            batches = on_device(batches, self._device)
        with closing(batches):
            for step, batch in enumerate(batches, start=start + 1):
                # A yielded batch counts as done: whoever saves the state now trains on it.
                is_last = step == len(self)
                epoch, step = (epoch + 1, 0) if is_last else (epoch, step)
                self._state = replace(self._state, epoch=epoch, step=step)
                yield batch

    def _read(self, epoch: int, order: Iterator[Places]) -> Generator[Batch, None, None]:
        """Read batches in threads and yield them in order."""
        readers = ThreadPoolExecutor(self._num_threads, thread_name_prefix="pairgen-batches")
        waiting: deque[Future[Batch]] = deque()
        try:
            for places in order:
                shards = self._pool.reach(places.in_use, places.ahead)
                waiting.append(readers.submit(self._fill, epoch, places, shards))
                if len(waiting) > self._num_ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            readers.shutdown(wait=True, cancel_futures=True)

    def _fill(
        self, epoch: int, places: Places, shards: Mapping[tuple[int, int], Future[LoadedShard]]
    ) -> Batch:
        needed = set(zip(places.sets.tolist(), places.shards.tolist(), strict=True))
        loaded = {key: shards[key].result() for key in needed}
        # All samples of a batch have the shape of the first.
        arrays = self._buffers[places.sets[0]].take()
        return fill_batch(
            places,
            loaded,
            arrays,
            self._texts,
            self._facts,
            self._with_guidance,
            self._framing,
            epoch,
        )

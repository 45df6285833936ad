"""Batches of samples that are held in memory, in a loader's order."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.option_names import option_text
from pairgen.seeding import Stream, generator_for
from pairgen.shards.loading.batch import Batch


class MemoryBatches:
    """Batches in a new random order each epoch; iterating yields the rest of the current one.

    Samples that do not fill a batch are left out at the end of an epoch, other ones each time.

    Args:
        tensors: Name to [N, ...], with the same N.
        batch_size: Number of samples in a batch.
        seed: Seed of the order, in [0, 2^63).
        state: State from `state()`; continues with the batch that would have come next.

    Raises:
        ConfigError: There are fewer samples than a batch needs.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        batch_size: int,
        seed: int,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._tensors = tensors
        self._num = len(next(iter(tensors.values())))
        if batch_size > self._num:
            raise ConfigError(
                f"{option_text('batch_size')} must be at most the {self._num:,} available "
                f"samples, got {batch_size:,}."
            )
        self._batch_size, self._seed = batch_size, seed
        self._epoch: int = state["epoch"] if state else 0
        self._step: int = state["step"] if state else 0

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return self._num // self._batch_size

    def state(self) -> dict[str, Any]:
        """Return the position of the batches: the one that comes next."""
        return {"epoch": self._epoch, "step": self._step}

    def __iter__(self) -> Iterator[Batch]:
        """Yield the rest of the epoch."""
        generator = generator_for(self._seed, self._epoch, Stream.SAMPLE_ORDER)
        order = torch.from_numpy(generator.permutation(self._num))
        for step in range(self._step, len(self)):
            rows = order[step * self._batch_size : (step + 1) * self._batch_size]
            is_last = step + 1 == len(self)
            self._epoch, self._step = (self._epoch + 1, 0) if is_last else (self._epoch, step + 1)
            yield Batch(
                tensors={name: value[rows] for name, value in self._tensors.items()},
                texts={},
                indices=rows,
                sets=torch.zeros_like(rows),
                guidance_scale=None,
                facts={},
            )

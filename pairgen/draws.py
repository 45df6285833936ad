"""Random numbers of a training step: each sample of the global batch has its own.

So a run on two ranks draws what a run on one does, and a resumed run what it would have drawn.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pairgen.seeding import Stream, generator_for

# Samples of one step that are told apart.
MAX_ROWS = 2**20


class Draws:
    """Draws for the samples `start` to `stop` of a step's global batch, in order of the calls.

    Args:
        seed: Of the training.
        step: Training step.
        start: First sample of the global batch.
        stop: One past the last.
        batch_size: Samples of the global batch.
        device: Where the tensors go.
    """

    def __init__(
        self, seed: int, step: int, start: int, stop: int, batch_size: int, device: torch.device
    ) -> None:
        if batch_size >= MAX_ROWS:
            raise ValueError(f"A batch has less than {MAX_ROWS:,} samples, got {batch_size:,}.")
        self.step, self.batch_size = step, batch_size
        self._seed, self._rows, self._device = seed, range(start, stop), device
        self._num_calls = 0

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        """Return standard normal numbers, [B, *shape] float32."""
        return self._stack([each.standard_normal(shape, np.float32) for each in self._next()])

    def uniform(self, shape: tuple[int, ...] = ()) -> Tensor:
        """Return numbers of [0, 1), [B, *shape] float32."""
        return self._stack([each.random(shape, np.float32) for each in self._next()])

    def integers(self, low: int, high: int) -> Tensor:
        """Return whole numbers of [low, high), [B] int64."""
        return self._stack([each.integers(low, high) for each in self._next()])

    def one_row(self) -> int | None:
        """Draw one sample of the global batch; return its row here, None if it lies elsewhere."""
        self._num_calls += 1
        # No sample has this number: all parts of the batch draw the same.
        drawn = self._generator(MAX_ROWS - 1).integers(self.batch_size)
        return int(drawn) - self._rows.start if drawn in self._rows else None

    def _next(self) -> list[np.random.Generator]:
        self._num_calls += 1
        return [self._generator(row) for row in self._rows]

    def _generator(self, row: int) -> np.random.Generator:
        index = self.step * MAX_ROWS + row
        return generator_for(self._seed, index, Stream.TRAINING, part=self._num_calls)

    def _stack(self, values: list[Any]) -> Tensor:
        return torch.from_numpy(np.stack(values)).to(self._device, non_blocking=True)

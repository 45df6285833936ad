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
        device: Where the tensors go.
    """

    def __init__(self, seed: int, step: int, start: int, stop: int, device: torch.device) -> None:
        if stop > MAX_ROWS:
            raise ValueError(f"A batch may have {MAX_ROWS:,} samples, got {stop:,}.")
        self.step = step
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

    def _next(self) -> list[np.random.Generator]:
        self._num_calls += 1
        return [
            generator_for(
                self._seed, self.step * MAX_ROWS + row, Stream.TRAINING, part=self._num_calls
            )
            for row in self._rows
        ]

    def _stack(self, values: list[Any]) -> Tensor:
        return torch.from_numpy(np.stack(values)).to(self._device, non_blocking=True)

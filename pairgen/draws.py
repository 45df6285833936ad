"""Random numbers of a training step: each sample of the global batch has its own.

So a run on two ranks draws the same numbers as on one, and a resumed run the same as if it had not
stopped.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pairgen.seeding import Stream, generator_for

# Maximum number of samples per step, each with its own generator.
MAX_ROWS = 2**20
# Maximum number of calls in a round of a step.
MAX_CALLS = 2**32


class Draws:
    """Draws for the samples `start` to `stop` of a round's global batch, in call order.

    Args:
        seed: Seed of the training.
        step: Training step.
        start: First sample of the global batch.
        stop: One past the last sample.
        batch_size: Size of the global batch.
        device: Device for the tensors.
        round_number: Round of the step, each with a batch of its own.
    """

    def __init__(
        self,
        seed: int,
        step: int,
        start: int,
        stop: int,
        batch_size: int,
        device: torch.device,
        round_number: int = 0,
    ) -> None:
        if batch_size >= MAX_ROWS:
            raise ValueError(f"batch_size must be less than {MAX_ROWS:,}, got {batch_size:,}.")
        self.step, self.batch_size = step, batch_size
        self._seed, self._rows, self._device = seed, range(start, stop), device
        self._num_calls = round_number * MAX_CALLS

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        """Return standard normal numbers, [B, *shape] float32."""
        return self._stack([each.standard_normal(shape, np.float32) for each in self._next()])

    def uniform(self, shape: tuple[int, ...] = ()) -> Tensor:
        """Return uniform numbers in [0, 1), [B, *shape] float32."""
        return self._stack([each.random(shape, np.float32) for each in self._next()])

    def integers(self, low: int, high: int) -> Tensor:
        """Return integers in [low, high), [B] int64."""
        return self._stack([each.integers(low, high) for each in self._next()])

    def one_integer(self, low: int, high: int) -> int:
        """Return an integer in [low, high), the same for the whole global batch."""
        return int(self._of_all().integers(low, high))

    def one_row(self) -> int | None:
        """Draw one sample of the global batch; return its row here, or None if it is elsewhere."""
        drawn = self._of_all().integers(self.batch_size)
        return int(drawn) - self._rows.start if drawn in self._rows else None

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        return self._device

    def _of_all(self) -> np.random.Generator:
        self._num_calls += 1
        # No sample has this number, so all parts of the batch draw the same.
        return self._generator(MAX_ROWS - 1)

    def _next(self) -> list[np.random.Generator]:
        self._num_calls += 1
        return [self._generator(row) for row in self._rows]

    def _generator(self, row: int) -> np.random.Generator:
        index = self.step * MAX_ROWS + row
        return generator_for(self._seed, index, Stream.TRAINING, part=self._num_calls)

    def _stack(self, values: list[Any]) -> Tensor:
        return torch.from_numpy(np.stack(values)).to(self._device, non_blocking=True)

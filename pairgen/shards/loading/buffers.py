"""Arrays for batches, page-locked where they are copied to a CUDA device."""

import math
import weakref
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


class Buffers:
    """Arrays for batches, reused once nothing refers to them any more.

    Args:
        specs: Field to dtype and shape of one sample.
        batch_size: Number of samples in a batch.
        pinned: Whether to use page-locked memory, for asynchronous copies to a CUDA device.
    """

    def __init__(self, specs: Mapping[str, Mapping[str, Any]], batch_size: int, pinned: bool):
        self._specs, self._batch_size, self._pinned = specs, batch_size, pinned
        self._free: dict[str, deque[np.ndarray]] = {name: deque() for name in specs}

    def take(self) -> dict[str, np.ndarray]:
        """Return an array [B, ...] for every field; its last reader frees it for reuse."""
        return {name: self._take(name) for name in self._specs}

    def _take(self, name: str) -> np.ndarray:
        try:
            owner = self._free[name].pop()
        except IndexError:
            owner = self._new(self._specs[name])
        # Every tensor made from the view, and every view of that, keeps this one alive.
        view = owner[:]
        weakref.finalize(view, self._free[name].append, owner).atexit = False
        return view

    def _new(self, spec: Mapping[str, Any]) -> np.ndarray:
        shape, dtype = (self._batch_size, *spec["shape"]), np.dtype(spec["dtype"])
        # As bytes: not every dtype can be pinned.
        num_bytes = math.prod(shape) * dtype.itemsize
        empty = torch.empty(num_bytes, dtype=torch.uint8, pin_memory=self._pinned)
        return empty.numpy().view(dtype).reshape(shape)

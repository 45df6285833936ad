"""The device and the ranks of a training, and nothing that outlasts it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from accelerate import Accelerator


@contextmanager
def open_accelerator() -> Iterator["Accelerator"]:
    """Give an Accelerator; those of the caller then are as they were.

    What accelerate knows is one for all Accelerators of a process: ours would set the micro-batches
    of the caller's to 1, and one that the caller makes later could have no other precision.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState, PartialState

    shared = [each._shared_state for each in (PartialState, AcceleratorState, GradientState)]
    before = [dict(state) for state in shared]
    try:
        yield Accelerator(cpu=not torch.cuda.is_available())
    finally:
        for state, found in zip(shared, before, strict=True):
            state.clear()
            state.update(found)

"""The device and the ranks of a training, without side effects that outlast it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from accelerate import Accelerator


@contextmanager
def open_accelerator() -> Iterator["Accelerator"]:
    """Yield an Accelerator; restore the caller's state of accelerate afterwards.

    accelerate keeps one state per process, shared by all Accelerators: ours would set the caller's
    gradient accumulation to 1, and fix the precision of any that the caller creates later.
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

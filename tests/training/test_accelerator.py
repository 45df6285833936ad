"""A training beside the caller's own use of accelerate, which is one for the whole process."""

from collections.abc import Iterator

import pytest
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState

from pairgen.training.loop.accelerator import open_accelerator


@pytest.fixture(autouse=True)
def unused() -> Iterator[None]:
    """A process that has not used accelerate."""
    states = (AcceleratorState, GradientState, PartialState)
    for state in states:
        state._reset_state()
    yield
    for state in states:
        state._reset_state()


def test_one_that_comes_later_chooses_its_precision():
    with open_accelerator() as ours:
        assert ours.num_processes == 1
    assert Accelerator(mixed_precision="bf16").mixed_precision == "bf16"


def test_one_that_came_before_keeps_its_micro_batches():
    theirs = Accelerator(gradient_accumulation_steps=4)
    with pytest.raises(ValueError, match="midway"), open_accelerator():
        assert theirs.gradient_accumulation_steps == 1
        raise ValueError("midway")
    assert theirs.gradient_accumulation_steps == 4
    assert theirs.num_processes == 1

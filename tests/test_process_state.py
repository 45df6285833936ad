"""What a block changes in the process is there inside, and only there."""

import os
import threading
from collections.abc import Iterator

import cv2
import pytest
import torch

from pairgen.process_state import cpu_threads, each_in_cpu_threads, own_environment, seeded


def now() -> tuple[int, int]:
    """Return the threads of torch and of OpenCV."""
    return torch.get_num_threads(), cv2.getNumThreads()


@pytest.fixture(autouse=True)
def unusual() -> Iterator[None]:
    """Numbers of threads that are no machine's default."""
    before = now()
    torch.set_num_threads(5)
    cv2.setNumThreads(7)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def test_a_block_has_its_threads_and_the_caller_gets_its_own_back():
    with cpu_threads(2):
        assert now() == (2, 2)
        with cpu_threads(1):
            assert now() == (1, 1)
        assert now() == (2, 2)
        # Whatever happens inside.
        torch.set_num_threads(4)
    assert now() == (5, 7)
    with pytest.raises(KeyboardInterrupt), cpu_threads(3):
        raise KeyboardInterrupt
    assert now() == (5, 7)


def test_a_thread_that_begins_after_a_block_has_the_callers_number():
    found = []

    def look() -> None:
        found.append(now())

    with cpu_threads(2):
        run_in_thread(look)
    run_in_thread(look)
    assert found == [(2, 2), (5, 7)]


def test_a_block_in_another_thread_leaves_the_callers_number():
    found = []

    def compute() -> None:
        with cpu_threads(2):
            found.append(now())
        found.append(now())

    run_in_thread(compute)
    assert found == [(2, 2), (5, 7)]
    assert now() == (5, 7)


def run_in_thread(function) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_items_are_made_in_their_threads_and_used_in_the_callers():
    def make() -> Iterator[tuple[int, int]]:
        yield now()
        yield now()
        raise ValueError("the third")

    items = each_in_cpu_threads(2, make())
    assert now() == (5, 7)
    for _ in range(2):
        assert next(items) == (2, 2)
        assert now() == (5, 7)
    with pytest.raises(ValueError, match="the third"):
        next(items)
    assert now() == (5, 7)
    assert list(each_in_cpu_threads(2, range(3))) == [0, 1, 2]
    assert now() == (5, 7)


def test_a_seed_counts_inside_and_the_callers_numbers_go_on():
    torch.manual_seed(3)
    undisturbed = torch.rand(4)
    torch.manual_seed(3)
    first = torch.rand(2)
    drawn = []
    for _ in range(2):
        with seeded(8):
            drawn.append(torch.rand(3))
    with pytest.raises(ValueError, match="midway"), seeded(8):
        torch.rand(1)
        raise ValueError("midway")
    assert torch.equal(torch.cat([first, torch.rand(2)]), undisturbed)
    assert torch.equal(*drawn)
    assert torch.equal(drawn[0], torch.rand(3, generator=torch.Generator().manual_seed(8)))


def test_variables_last_as_long_as_they_are_needed(monkeypatch):
    monkeypatch.setenv("PAIRGEN_KEPT", "as it was")
    monkeypatch.setenv("PAIRGEN_GONE", "there")
    before = dict(os.environ)
    with pytest.raises(ValueError, match="midway"), own_environment():
        os.environ |= {"PAIRGEN_KEPT": "other", "PAIRGEN_NEW": "1"}
        del os.environ["PAIRGEN_GONE"]
        raise ValueError("midway")
    assert dict(os.environ) == before

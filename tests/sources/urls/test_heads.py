"""Beginnings are fetched ahead, and none outlives its reader."""

from collections.abc import Iterator

import pytest

from pairgen.sources.urls import heads
from pairgen.sources.urls.heads import Key, head_of, read_ahead
from pairgen.sources.urls.threads import NUM_AHEAD


def head(number: int) -> tuple[Key, bytes]:
    return (f"memory://{number}", 0), bytes([number])


def test_each_item_finds_its_beginning_and_the_order_stays() -> None:
    items = list(range(3 * NUM_AHEAD))
    found = [(each, head_of(f"memory://{each}", 0)) for each in read_ahead(iter(items), head)]
    assert found == [(each, bytes([each])) for each in items]
    assert not heads._heads


def test_a_reader_that_ends_early_leaves_nothing() -> None:
    reading = read_ahead(iter(range(3 * NUM_AHEAD)), head)
    assert next(reading) == 0 and heads._heads
    reading.close()
    assert not heads._heads


def test_a_source_that_fails_leaves_nothing() -> None:
    def failing() -> Iterator[int]:
        yield from range(3)
        raise ValueError

    with pytest.raises(ValueError):
        list(read_ahead(failing(), head))
    assert not heads._heads

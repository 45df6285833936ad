"""Beginnings of objects behind URLs, requested several at once before they are read in order."""

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import TypeVar

from pairgen.errors import PairgenError
from pairgen.sources.urls.threads import in_threads

Item = TypeVar("Item")
# Address and first byte of a part.
Key = tuple[str, int]

_heads: dict[Key, bytes] = {}


def head_of(address: str, start: int) -> bytes:
    """Return the beginning of a part of an object, if it is there already; else empty."""
    return _heads.get((address, start), b"")


def read_ahead(
    items: Iterator[Item], head: Callable[[Item], tuple[Key, bytes] | None]
) -> Generator[Item, None, None]:
    """Yield the items in order; threads fetch the beginnings of those that follow.

    Args:
        items: The items.
        head: Fetches the beginning of an item; None if it has none behind a URL. What it raises is
            raised again by who reads the item.
    """
    unread: set[Key] = set()

    def fetch(item: Item) -> tuple[Item, Key | None]:
        with suppress(PairgenError, OSError):
            if found := head(item):
                key, _heads[key] = found[0], found[1]
                unread.add(key)
                return item, key
        return item, None

    def forget(key: Key) -> None:
        unread.discard(key)
        _heads.pop(key, None)

    fetched = in_threads(fetch, items)
    try:
        for item, key in fetched:
            yield item
            if key:
                forget(key)
    finally:
        fetched.close()
        # A later reader, who may find another object there, must not be given what was left.
        for key in list(unread):
            forget(key)

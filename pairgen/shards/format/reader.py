"""Read a shard in place: find its members in a buffer, without copying.

The reader accepts what `writer.py` writes, regular files in ustar format, and is strict: a damaged
header is an error that names its position.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen.errors import CorruptShardError
from pairgen.shards.format.codec import decode_member
from pairgen.shards.format.writer import BLOCK


class TruncatedShardError(CorruptShardError):
    """The tar ends before its end mark."""


class DuplicateKeyError(CorruptShardError):
    """A key occurs twice in one tar."""


@dataclass(frozen=True)
class StoredSample:
    """A sample at its place in a tar.

    Attributes:
        key: Key of nine digits.
        offset: Offset of its first header, in bytes.
        members: Extension to content.
    """

    key: str
    offset: int
    members: dict[str, memoryview]

    def decode(self, extension: str) -> Any:
        """Return a member, decoded by its extension."""
        return decode_member(extension, self.members[extension])


@contextmanager
def map_file(path: Path) -> Iterator[memoryview]:
    """Yield a read-only view of a file's bytes; the view is valid inside the context."""
    if path.stat().st_size == 0:
        yield memoryview(b"")
        return
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    view = memoryview(mapped)
    try:
        yield view
    finally:
        # The mapping itself is freed with the last array that refers to it.
        view.release()


def read_members(buffer: memoryview) -> Iterator[tuple[str, int, memoryview]]:
    """Yield (name, header offset, content) of every member.

    Raises:
        TruncatedShardError: The file ends too early.
        CorruptShardError: A header is damaged, or data follows the end mark.
    """
    offset = 0
    while True:
        header = bytes(buffer[offset : offset + BLOCK])
        if len(header) < BLOCK:
            raise TruncatedShardError(f"the tar ends at byte {len(buffer)} without its end mark")
        if header == bytes(BLOCK):
            _check_end(buffer, offset)
            return
        checksum = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
        try:
            intact = int(header[148:154], 8) == checksum and header[257:262] == b"ustar"
            size = int(header[124:135], 8)
            # int() also accepts signs, and a negative size would loop forever.
            intact = intact and size >= 0
        except ValueError:
            intact = False
        if not intact:
            raise CorruptShardError(f"the tar header at byte {offset} is damaged")
        start = offset + BLOCK
        if start + size > len(buffer):
            raise TruncatedShardError(f"the tar ends inside the member at byte {offset}")
        name = header[:100].rstrip(b"\0").decode("utf-8", errors="replace")
        yield name, offset, buffer[start : start + size]
        offset = start + size + -size % BLOCK


def _check_end(buffer: memoryview, offset: int) -> None:
    """Raise unless exactly two or more blocks of zeros are left."""
    rest = buffer[offset:]
    if len(rest) < 2 * BLOCK:
        raise TruncatedShardError(f"the tar ends at byte {len(buffer)} inside its end mark")
    if any(rest):
        raise CorruptShardError(f"something follows the tar's end mark at byte {offset}")


def read_samples(buffer: memoryview) -> Iterator[StoredSample]:
    """Yield the samples of a shard, in order.

    Raises:
        DuplicateKeyError: A key occurs twice, or its members are not contiguous.
        CorruptShardError: The tar is damaged.
    """
    key, start, members = "", 0, dict[str, memoryview]()
    seen: set[str] = set()
    for name, offset, content in read_members(buffer):
        next_key, _, extension = name.partition(".")
        if next_key != key:
            if members:
                yield StoredSample(key, start, members)
            if next_key in seen:
                raise DuplicateKeyError(f"the key {next_key} occurs twice")
            seen.add(next_key)
            key, start, members = next_key, offset, {}
        if extension in members:
            raise DuplicateKeyError(f"the key {key} occurs twice")
        members[extension] = content
    if members:
        yield StoredSample(key, start, members)

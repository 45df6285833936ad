"""A part of an object behind a URL as a binary file that is read as it is needed."""

import io
from collections.abc import Callable
from typing import Any

# Read at a time by who reads on, and most that is read ahead.
BLOCK = 64 * 2**10
MAX_AHEAD = 8 * 2**20


class RangeReader(io.RawIOBase):
    """A file whose reads are requests.

    Args:
        read: Returns the bytes from a start to a stop.
        num_bytes: Size of the file.
        reads_ahead: Whether to read more and more at once while reads follow each other; otherwise
            nothing is read that is not asked for.
        head: Its beginning, as far as it was read before.
    """

    def __init__(
        self,
        read: Callable[[int, int], bytes],
        num_bytes: int,
        reads_ahead: bool,
        head: bytes = b"",
    ) -> None:
        self._read, self._num_bytes, self._reads_ahead = read, num_bytes, reads_ahead
        self._place = 0
        self._block, self._block_start = head, 0
        self._ahead = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._num_bytes}[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, unless the file ends before."""
        data = self._bytes(min(len(buffer), max(0, self._num_bytes - self._place)))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def readall(self) -> bytes:
        """Return everything from the place to the end, by one request."""
        data = self._bytes(max(0, self._num_bytes - self._place))
        self._place += len(data)
        return data

    def _bytes(self, num_wanted: int) -> bytes:
        start, stop = self._place, self._place + num_wanted
        block_stop = self._block_start + len(self._block)
        if not (self._block_start <= start and stop <= block_stop):
            follows = self._reads_ahead and self._block_start < start <= block_stop
            self._ahead = min(2 * max(self._ahead, num_wanted), MAX_AHEAD) if follows else 0
            fetched_stop = min(max(stop, start + self._ahead), self._num_bytes)
            self._block, self._block_start = self._read(start, fetched_stop), start
        first = start - self._block_start
        return self._block[first : first + num_wanted]


def buffered(
    read: Callable[[int, int], bytes], num_bytes: int, head: bytes = b""
) -> io.BufferedReader:
    """Return a file that is read in blocks, larger ones while reads follow each other."""
    return io.BufferedReader(RangeReader(read, num_bytes, True, head), BLOCK)

"""The headers of a tar, read as those of a stranger: whatever is wrong with one is a ReadError."""

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from pairgen.errors import PairgenError

# Longest extended header, such as a long name; nobody's are longer than a few kilobytes.
MAX_HEADER = 2**20
# Most reads for one member: each header before it takes two. The library calls itself for each, so
# how many it bears would be up to the process.
MAX_READS = 100
_CHUNK = 1 << 20
# What the library raises for sizes, times and maps of sparse files that are no numbers, and for
# headers that ask for more memory than there is.
_DAMAGES = (ValueError, ArithmeticError, LookupError, TypeError, MemoryError)


def all_members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Yield every member of a tar.

    Args:
        file: The tar, seekable; its place must be the same when the next member is asked for.

    Raises:
        tarfile.TarError: The file is not a tar, is cut or damaged, or something follows its end.
    """
    # It reads no more than what the library asks for.
    headers = _SmallReads(file)
    try:
        # There is nothing to close: the file is the caller's.
        tar = tarfile.TarFile(fileobj=cast(BinaryIO, headers))
        while (member := tar.next()) is not None:
            if member.size < 0:
                raise tarfile.ReadError(f"damaged header at byte {member.offset:,}")
            # The library keeps every member that it has read.
            tar.members = []  # type: ignore[attr-defined]
            headers.num_reads = 0
            yield member
    except PairgenError:
        # Of what the tar is read from, though a ConfigError is a ValueError.
        raise
    except _DAMAGES:
        raise tarfile.ReadError(f"damaged header before byte {file.tell():,}") from None
    _check_end(file, tar.offset)


class _SmallReads:
    """A tar as the library reads it when it looks for headers.

    Extended headers say their own size, up to 2^60, for which the library would ask for memory, and
    any number of them may stand before a member.

    Attributes:
        num_reads: Since the last member, or since this was set to 0.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell = file.seek, file.tell
        self._read = file.read
        self.num_reads = 0

    def read(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            tarfile.ReadError: They are more than a header has, or there are too many headers.
        """
        self.num_reads += 1
        if self.num_reads > MAX_READS:
            raise tarfile.ReadError(f"damaged header before byte {self.tell():,}: it never ends")
        if not 0 <= size <= MAX_HEADER:
            raise tarfile.ReadError(f"a header says that it has {size:,} bytes")
        return self._read(size)


def _check_end(file: BinaryIO, offset: int) -> None:
    """Raise unless a tar ends where no further member was found, and nothing follows.

    tarfile mistakes a damaged or missing header for the end.
    """
    file.seek(offset)
    if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"truncated or damaged at byte {offset:,}")
    while chunk := file.read(_CHUNK):
        if rest := chunk.lstrip(b"\0"):
            place = file.tell() - len(rest)
            what = "something follows its end"
            if _begins_tar(rest):
                what = "another tar begins behind its end: unpack both and pack one, or give each"
            raise tarfile.ReadError(f"{what}, at byte {place:,}")


def _begins_tar(data: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(data[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True

"""Open what must be a file: a FIFO would be waited for, and a device read without end."""

import errno
import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path

from pairgen.errors import NotAFileError

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path | str) -> BufferedReader:
    """Open a file to read it.

    Raises:
        NotAFileError: A FIFO, a socket or a device lies there.
        OSError: There is no file, or it cannot be read.
    """
    try:
        # Whoever opens a FIFO otherwise waits until somebody writes.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise _refused(path, "a socket") from None
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise _refused(path, _KINDS.get(stat.S_IFMT(mode), "something else"))


def read_regular(path: Path | str) -> bytes:
    """Return the content of a file; raises as `open_regular`."""
    with open_regular(path) as file:
        return file.read()


def sha256_of(path: Path | str) -> str:
    """Return the SHA-256 of a file in hex; raises as `open_regular`."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(path: Path | str) -> None:
    """Raise NotAFileError if there is a FIFO, a socket or a device; nothing if there is nothing."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if kind := _KINDS.get(stat.S_IFMT(mode)):
        raise _refused(path, kind)


def _refused(path: Path | str, kind: str) -> NotAFileError:
    return NotAFileError(f"{path} is {kind}, not a file.")

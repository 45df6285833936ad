"""A dataset folder on a disk where others may put anything: what is no file is refused."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from pairgen.regular_file import check_regular, open_regular
from pairgen.shards.format.local_store import LocalStore

# The path is not a file, and never will be a readable one.
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)


class FolderStore(LocalStore):
    """A `LocalStore` that waits for no FIFO and reads no device."""

    def read_bytes(self, path: str) -> bytes:
        with self._file(path) as file:
            return file.read()

    def read_range(self, path: str, start: int, stop: int) -> bytes:
        with self._file(path) as file:
            file.seek(start)
            return file.read(stop - start)

    def sha256(self, path: str) -> str:
        with self._file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def fetch(self, path: str, target: Path) -> None:
        check_regular(self.root / path)
        super().fetch(path, target)

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        check_regular(self.root / path)
        if not self.exists(path):
            raise _missing(path)
        with super().local(path) as local:
            yield local

    def _file(self, path: str) -> BufferedReader:
        try:
            return open_regular(self.root / path)
        except OSError as error:
            if error.errno in _NO_FILE:
                raise _missing(path) from None
            raise


def _missing(path: str) -> FileNotFoundError:
    """Return the error of a file that is not there; a folder or a link to itself is none."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

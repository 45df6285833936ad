"""A dataset folder on a local or shared disk."""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.regular_file import check_regular, open_regular
from pairgen.shards.format import layout
from pairgen.shards.storage import spool

# The path is not a file, and never will be a readable one.
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
# The file system has no hard links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class LocalStore:
    """A folder on a local or shared disk. What is no file in it is neither waited for nor read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = self.address = str(root)

    def exists(self, path: str) -> bool:
        return self._size_of_file(path) is not None

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            # A link to an unmounted disk, or a file in its place, is not an empty folder.
            if os.path.lexists(self.root / folder):
                raise
            return []

    def size(self, path: str) -> int:
        return (self.root / path).stat().st_size

    def sizes(self, folder: str) -> dict[str, int]:
        found = ((name, self._size_of_file(f"{folder}/{name}")) for name in self.names(folder))
        return {name: size for name, size in found if size is not None}

    def md5s(self, folder: str) -> dict[str, str]:
        return dict.fromkeys(self.names(folder), "")

    def read_bytes(self, path: str) -> bytes:
        with self._open(path) as file:
            return file.read()

    def read_range(self, path: str, start: int, stop: int) -> bytes:
        with self._open(path) as file:
            file.seek(start)
            return file.read(stop - start)

    def fetch(self, path: str, target: Path) -> None:
        check_regular(self.root / path)
        shutil.copyfile(self.root / path, target)

    def put_bytes(self, path: str, data: bytes) -> None:
        spooled = self.spool(Path(path).name)
        try:
            spooled.write_bytes(data)
            self.put_file(spooled, path)
        except BaseException:
            self.drop(spooled)
            raise

    def create_bytes(self, path: str, data: bytes) -> bool:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        spooled = self.spool(target.name)
        try:
            spooled.write_bytes(data)
            sync(spooled)
            # A second name for a whole file: unlike a rename, it replaces nothing.
            os.link(spooled, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return self._create_by_rename(spooled, path)
        finally:
            self.drop(spooled)
        sync(target.parent)
        return True

    def _create_by_rename(self, spooled: Path, path: str) -> bool:
        """Do as `create_bytes` on a file system without links, where two may both write."""
        if self.exists(path):
            return False
        self.put_file(spooled, path)
        return True

    def spool(self, name: str) -> Path:
        folder = self.root / layout.SPOOL
        folder.mkdir(parents=True, exist_ok=True)
        return spool.new_file(folder, name)

    def put_file(self, spooled: Path, path: str, sha256: str = "") -> None:
        del sha256
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # Data first, then the name, then the folder: after a power cut, either state is whole.
        sync(spooled)
        os.replace(spooled, target)
        spool.let_go(spooled)
        sync(target.parent)

    def sha256(self, path: str) -> str:
        with self._open(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def drop(self, spooled: Path) -> None:
        spooled.unlink(missing_ok=True)
        spool.let_go(spooled)

    def prune(self) -> None:
        for folder in (layout.SPOOL, "__meta__", "."):
            try:
                (self.root / folder).rmdir()
            except OSError:
                return

    def remove(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        check_regular(self.root / path)
        if not self.exists(path):
            raise _missing(path)
        yield self.root / path

    def _open(self, path: str) -> BufferedReader:
        try:
            return open_regular(self.root / path)
        except OSError as error:
            if error.errno in _NO_FILE:
                raise _missing(path) from None
            raise

    def _size_of_file(self, path: str) -> int | None:
        """Return the size of a file; None if it no longer exists."""
        try:
            found = (self.root / path).stat()
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            raise
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def check_writable(self) -> None:
        """Raise ConfigError if the folder cannot be created or written; change nothing."""
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            raise ConfigError(f"{self.url!r} cannot be a folder: {str(folder)!r} is a file.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"{self.url!r} is not writable: no permission to write in {folder}.")

    def stale_spool(self) -> list[str]:
        folder = self.root / layout.SPOOL
        return [name for name in self.names(layout.SPOOL) if spool.is_left(folder / name)]

    def remove_stale_spool(self) -> int:
        folder = self.root / layout.SPOOL
        return spool.remove_left(folder / name for name in self.names(layout.SPOOL))


def _missing(path: str) -> FileNotFoundError:
    """Return the error of a file that is not there; a folder or a link to itself is none."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def sync(path: Path) -> None:
    """Flush a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

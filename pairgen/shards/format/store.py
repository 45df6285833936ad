"""All access to a dataset folder: put atomically, list, read. Local, or anything fsspec opens.

A reader never sees half a file: a local file is written under `__meta__/tmp`, synced, then
renamed; object stores publish an upload only when it is whole.

"It is not there" and "it could not be looked at" are different answers: the first is a value or
FileNotFoundError, the second another OSError. A store never turns one into the other, for what is
taken to be missing is made again.
"""

import errno
import itertools
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import fsspec

from pairgen.errors import ConfigError, StoreError
from pairgen.redaction import is_cut, without_secrets, without_secrets_of
from pairgen.shards.format import layout

_counter = itertools.count()
# What stands under the name is no file, and never will be one that can be read.
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)


class Store(Protocol):
    """A dataset folder. Paths are relative, with forward slashes.

    Every call raises OSError when the folder cannot be asked.

    Attributes:
        url: The folder as it is shown and written down: without secrets.
        address: What opens it again, on another machine too; never shown.
    """

    url: str
    address: str

    def exists(self, path: str) -> bool:
        """Whether the file is there."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names in `folder`, sorted; none when there is no such folder."""
        ...

    def size(self, path: str) -> int:
        """Return the file's size in bytes."""
        ...

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the size in bytes of every file in `folder`, by name; one listing."""
        ...

    def read_bytes(self, path: str) -> bytes:
        """Return the file's content.

        Raises:
            FileNotFoundError: There is no such file.
        """
        ...

    def read_range(self, path: str, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to `stop`, fewer where the file ends before."""
        ...

    def fetch(self, path: str, target: Path) -> None:
        """Copy the file to a local path, over what stands there."""
        ...

    def put_bytes(self, path: str, data: bytes) -> None:
        """Write a small file, atomically, replacing what stands."""
        ...

    def spool(self, name: str) -> Path:
        """Return a fresh local path to write a large file to."""
        ...

    def put_file(self, spooled: Path, path: str) -> None:
        """Move a spooled file to `path`, atomically, replacing what stands."""
        ...

    def drop(self, spooled: Path) -> None:
        """Throw a spooled file away."""
        ...

    def prune(self) -> None:
        """Remove the folder if nothing but empty folders is in it."""
        ...

    def remove(self, path: str) -> None:
        """Remove the file, if it is there."""
        ...

    def local(self, path: str) -> Any:
        """Context manager that gives a local path to the file's content."""
        ...


def open_store(url: str | Path) -> Store:
    """Open a dataset folder: a local path, or a URL such as `s3://bucket/set`.

    A local path is made absolute, so that workers in another working directory find it.

    Raises:
        ConfigError: The URL is of an unknown kind, or was written down without its secrets.
    """
    text = str(url)
    if is_cut(text):
        raise ConfigError(
            f"{text!r} was written down without its secrets, which pairgen never keeps: give the "
            "whole URL again, or leave them to the environment."
        )
    if "://" in text and not text.startswith("file://"):
        return RemoteStore(text.rstrip("/"))
    return LocalStore(Path(text.removeprefix("file://")).expanduser().absolute())


class LocalStore:
    """A folder on a local or shared disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = self.address = str(root)

    def exists(self, path: str) -> bool:
        return self._size_of_file(path) is not None

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def size(self, path: str) -> int:
        return (self.root / path).stat().st_size

    def sizes(self, folder: str) -> dict[str, int]:
        found = ((name, self._size_of_file(f"{folder}/{name}")) for name in self.names(folder))
        return {name: size for name, size in found if size is not None}

    def read_bytes(self, path: str) -> bytes:
        with self._open(path) as file:
            return file.read()

    def read_range(self, path: str, start: int, stop: int) -> bytes:
        with self._open(path) as file:
            file.seek(start)
            return file.read(stop - start)

    def fetch(self, path: str, target: Path) -> None:
        shutil.copyfile(self.root / path, target)

    def put_bytes(self, path: str, data: bytes) -> None:
        spooled = self.spool(Path(path).name)
        spooled.write_bytes(data)
        self.put_file(spooled, path)

    def spool(self, name: str) -> Path:
        folder = self.root / layout.SPOOL
        folder.mkdir(parents=True, exist_ok=True)
        # Host and process are in the name so that what a killed process left can be told apart.
        return folder / f"{socket.gethostname()}.{os.getpid()}.{next(_counter)}.{name}"

    def put_file(self, spooled: Path, path: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # Data first, then the name, then the folder: a power cut leaves the old state or the new.
        sync(spooled)
        os.replace(spooled, target)
        sync(target.parent)

    def drop(self, spooled: Path) -> None:
        spooled.unlink(missing_ok=True)

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
        yield self.root / path

    def _open(self, path: str) -> BinaryIO:
        try:
            return open(self.root / path, "rb")
        except OSError as error:
            if error.errno in _NO_FILE:
                # A folder or a link to itself under the name of a file is a file that is missing.
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
            raise

    def _size_of_file(self, path: str) -> int | None:
        """Return the size of a file; None when there is none any more."""
        try:
            found = (self.root / path).stat()
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            raise
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def check_writable(self) -> None:
        """Raise ConfigError if the folder cannot be made or written; touches nothing."""
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            raise ConfigError(f"{self.url!r} cannot be a folder: {str(folder)!r} is a file.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"{self.url!r} cannot be written: no right to write in {folder}.")

    def remove_stale_spool(self) -> int:
        """Remove what dead processes of this host left in the spool; return how many files."""
        removed = 0
        for name in self.names(layout.SPOOL):
            # The host's name may hold dots itself, so the fields are counted from the right end
            # of the known prefix.
            prefix = socket.gethostname() + "."
            pid = name.removeprefix(prefix).partition(".")[0]
            if name.startswith(prefix) and pid.isdigit() and not is_alive(int(pid)):
                self.remove(f"{layout.SPOOL}/{name}")
                removed += 1
        return removed


class RemoteStore:
    """A folder behind fsspec: `s3://`, `gs://`, `hf://`, `memory://` ..."""

    def __init__(self, url: str) -> None:
        self.address, self.url = url, without_secrets(url)
        try:
            self.fs, self.root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            # An unknown protocol, or a known one whose package (s3fs, gcsfs ...) is missing.
            reason = without_secrets_of(url, str(error))
            raise ConfigError(f"{self.url!r} cannot be opened: {reason}.") from None

    def exists(self, path: str) -> bool:
        # Not `isfile`: that answers False to any error.
        try:
            with self._asked(path) as name:
                return bool(self.fs.info(name)["type"] == "file")
        except FileNotFoundError:
            return False

    def names(self, folder: str) -> list[str]:
        try:
            with self._asked(folder) as name:
                found = self.fs.ls(name, detail=False)
        except FileNotFoundError:
            return []
        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in found)

    def size(self, path: str) -> int:
        with self._asked(path) as name:
            return int(self.fs.size(name))

    def sizes(self, folder: str) -> dict[str, int]:
        try:
            with self._asked(folder) as name:
                found = self.fs.ls(name, detail=True)
        except FileNotFoundError:
            return {}
        files = (entry for entry in found if entry["type"] == "file")
        return {entry["name"].rsplit("/", 1)[-1]: int(entry["size"]) for entry in files}

    def read_bytes(self, path: str) -> bytes:
        with self._asked(path) as name:
            return bytes(self.fs.cat_file(name))

    def read_range(self, path: str, start: int, stop: int) -> bytes:
        with self._asked(path) as name:
            return bytes(self.fs.cat_file(name, start=start, end=stop))

    def fetch(self, path: str, target: Path) -> None:
        with self._asked(path) as name:
            self.fs.get_file(name, str(target))

    def put_bytes(self, path: str, data: bytes) -> None:
        with self._asked(path) as name:
            self.fs.pipe_file(name, data)

    def spool(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix="pairgen-")) / name

    def put_file(self, spooled: Path, path: str) -> None:
        with self._asked(path) as name:
            self.fs.put_file(str(spooled), name)
        self.drop(spooled)

    def drop(self, spooled: Path) -> None:
        shutil.rmtree(spooled.parent, ignore_errors=True)

    def prune(self) -> None:
        # Object stores have no empty folders.
        return

    def remove(self, path: str) -> None:
        if not self.exists(path):
            return
        # Somebody else may have been faster.
        with suppress(FileNotFoundError), self._asked(path) as name:
            self.fs.rm_file(name)

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="pairgen-") as folder:
            target = Path(folder) / Path(path).name
            self.fetch(path, target)
            yield target

    @contextmanager
    def _asked(self, path: str) -> Iterator[str]:
        """Give the path as the file system names it; whatever goes wrong there is a StoreError."""
        try:
            self.fs.invalidate_cache()
            yield f"{self.root}/{path}"
        except FileNotFoundError:
            raise
        except Exception as error:
            # Each client library has errors of its own: of the network, of credentials, of limits.
            reason = " ".join(without_secrets_of(self.address, str(error)).split())
            raise StoreError(
                f"{self.url}/{path} could not be read or written: {type(error).__name__}: "
                f"{reason}. Nothing that is finished is lost: run the same command again."
            ) from error


def sync(path: Path) -> None:
    """Make a file or folder reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_alive(pid: int) -> bool:
    """Whether a process of this host runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

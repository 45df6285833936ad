"""A dataset folder behind fsspec."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec

from pairgen.errors import ConfigError, StoreError
from pairgen.redaction import url_without_secrets, without_secrets_of


class RemoteStore:
    """A folder behind fsspec: `s3://`, `gs://`, `hf://`, `memory://` ..."""

    def __init__(self, url: str) -> None:
        self.address, self.url = url, url_without_secrets(url)
        try:
            self.fs, self.root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            # An unknown protocol, or a known one whose package (s3fs, gcsfs ...) is not installed.
            reason = without_secrets_of(url, str(error))
            raise ConfigError(f"{self.url!r} cannot be opened: {reason}.") from None
        except Exception as error:
            # Some clients connect immediately.
            reason = without_secrets_of(url, f"{type(error).__name__}: {error}")
            raise StoreError(f"{self.url!r} cannot be opened: {reason}.") from None

    def exists(self, path: str) -> bool:
        # Not `isfile`: that returns False on any error.
        try:
            with self._guarded(path) as name:
                return bool(self.fs.info(name)["type"] == "file")
        except FileNotFoundError:
            return False

    def names(self, folder: str) -> list[str]:
        try:
            with self._guarded(folder) as name:
                found = self.fs.ls(name, detail=False)
        except FileNotFoundError:
            return []
        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in found)

    def size(self, path: str) -> int:
        with self._guarded(path) as name:
            return int(self.fs.size(name))

    def sizes(self, folder: str) -> dict[str, int]:
        try:
            with self._guarded(folder) as name:
                found = self.fs.ls(name, detail=True)
        except FileNotFoundError:
            return {}
        files = (entry for entry in found if entry["type"] == "file")
        return {entry["name"].rsplit("/", 1)[-1]: int(entry["size"]) for entry in files}

    def read_bytes(self, path: str) -> bytes:
        with self._guarded(path) as name:
            return bytes(self.fs.cat_file(name))

    def read_range(self, path: str, start: int, stop: int) -> bytes:
        with self._guarded(path) as name:
            return bytes(self.fs.cat_file(name, start=start, end=stop))

    def fetch(self, path: str, target: Path) -> None:
        with self._guarded(path) as name:
            self.fs.get_file(name, str(target))

    def put_bytes(self, path: str, data: bytes) -> None:
        with self._guarded(path) as name:
            self.fs.pipe_file(name, data)

    def create_bytes(self, path: str, data: bytes) -> bool:
        try:
            with self._guarded(path) as name:
                # Where the store has conditional writes, as S3 has, the file system uses them.
                self.fs.pipe_file(name, data, mode="create")
        except FileExistsError:
            return False
        return True

    def spool(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix="pairgen-")) / name

    def put_file(self, spooled: Path, path: str) -> None:
        with self._guarded(path) as name:
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
        # Another process may have removed it first.
        with suppress(FileNotFoundError), self._guarded(path) as name:
            self.fs.rm_file(name)

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="pairgen-") as folder:
            target = Path(folder) / Path(path).name
            self.fetch(path, target)
            yield target

    @contextmanager
    def _guarded(self, path: str) -> Iterator[str]:
        """Yield the path as the file system names it; turn any error into a StoreError."""
        try:
            self.fs.invalidate_cache()
            yield f"{self.root}/{path}"
        except FileNotFoundError:
            shown = f"{self.url}/{path}"
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), shown) from None
        except FileExistsError:
            raise
        except Exception as error:
            # Each client library has its own errors: for network, credentials, limits. They may
            # quote the URL, so none of them is passed on.
            reason = " ".join(without_secrets_of(self.address, str(error)).split())
            raise StoreError(
                f"{self.url}/{path} could not be read or written: {type(error).__name__}: "
                f"{reason}. Finished shards are safe: run the same command again."
            ) from None

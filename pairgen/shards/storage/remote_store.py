"""A dataset folder behind fsspec."""

import errno
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from pairgen.errors import StoreError
from pairgen.filesystems import open_filesystem
from pairgen.redaction import url_without_secrets, without_secrets_of
from pairgen.regular_file import sha256_of
from pairgen.retry import ask, is_denied
from pairgen.shards.storage import spool

# Name of the metadata that holds the hash of an object.
SHA256 = "sha256"


class RemoteStore:
    """A folder behind fsspec: `s3://`, `gs://`, `hf://`, `memory://` ..."""

    def __init__(self, url: str) -> None:
        self.address, self.url = url, url_without_secrets(url)
        self.fs, self.root = open_filesystem(url)

    def exists(self, path: str) -> bool:
        # Not `isfile`: that returns False on any error.
        try:
            return bool(self._ask(path, self.fs.info)["type"] == "file")
        except FileNotFoundError:
            return False

    def names(self, folder: str) -> list[str]:
        try:
            found = self._ask(folder, partial(self.fs.ls, detail=False))
        except FileNotFoundError:
            return []
        return sorted(map(_last_part, found))

    def size(self, path: str) -> int:
        return int(self._ask(path, self.fs.size))

    def sizes(self, folder: str) -> dict[str, int]:
        files = (entry for entry in self._entries(folder) if entry["type"] == "file")
        return {_last_part(entry["name"]): int(entry["size"]) for entry in files}

    def md5s(self, folder: str) -> dict[str, str]:
        # An ETag of S3 is the MD5 of a file that went up in one piece and without a key of its own.
        return {
            _last_part(entry["name"]): str(entry.get("ETag", "")).strip('"')
            for entry in self._entries(folder)
        }

    def read_bytes(self, path: str) -> bytes:
        return bytes(self._ask(path, partial(self.fs.cat_file, **self._in_one_piece)))

    def read_range(self, path: str, start: int, stop: int) -> bytes:
        return bytes(self._ask(path, partial(self.fs.cat_file, start=start, end=stop)))

    def fetch(self, path: str, target: Path) -> None:
        self._ask(path, lambda name: self.fs.get_file(name, str(target)))

    def put_bytes(self, path: str, data: bytes) -> None:
        self._ask(path, lambda name: self.fs.pipe_file(name, data))

    def create_bytes(self, path: str, data: bytes) -> bool:
        try:
            # Where the store has conditional writes, as S3 has, the file system uses them.
            self._ask(path, lambda name: self.fs.pipe_file(name, data, mode="create"))
        except FileExistsError:
            return False
        return True

    def spool(self, name: str) -> Path:
        return spool.new_folder() / name

    def put_file(self, spooled: Path, path: str, sha256: str = "") -> None:
        kept = {"Metadata": {SHA256: sha256}} if sha256 and self._keeps_metadata else {}
        self._ask(path, lambda name: self.fs.put_file(str(spooled), name, **kept))
        self.drop(spooled)

    def sha256(self, path: str) -> str:
        if self._keeps_metadata:
            found = self._ask(path, partial(self.fs.metadata, refresh=True))
            if kept := found.get(SHA256):
                return str(kept)
        # No hash of the store's own will do: an ETag of S3 is none of the content of large files.
        with self.local(path) as local:
            return sha256_of(local)

    def drop(self, spooled: Path) -> None:
        spool.remove_folder(spooled.parent)

    def stale_spool(self) -> list[str]:
        # What is spooled lies on the machines that make it.
        return []

    def remove_stale_spool(self) -> int:
        return spool.remove_left(spool.folders_of_this_machine())

    def prune(self) -> None:
        # Object stores have no empty folders.
        return

    def remove(self, path: str) -> None:
        if not self.exists(path):
            return
        # Another process may have removed it first.
        with suppress(FileNotFoundError):
            self._ask(path, self.fs.rm_file)

    @property
    def _keeps_metadata(self) -> bool:
        """Whether the file system writes and reads the user's own metadata of an object."""
        protocol = self.fs.protocol
        return "s3" in ((protocol,) if isinstance(protocol, str) else protocol)

    @property
    def _in_one_piece(self) -> dict[str, Any]:
        """Keywords for a small file: s3fs would ask for its size first, to read it in parts."""
        read = getattr(self.fs, "_cat_file", None)
        known = read is not None and "max_concurrency" in inspect.signature(read).parameters
        return {"max_concurrency": 1} if known else {}

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        """Return what a listing of a folder tells; empty if there is no such folder."""
        try:
            found: list[dict[str, Any]] = self._ask(folder, partial(self.fs.ls, detail=True))
        except FileNotFoundError:
            return []
        return found

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        folder = spool.new_folder()
        try:
            target = folder / Path(path).name
            self.fetch(path, target)
            yield target
        finally:
            spool.remove_folder(folder)

    def _ask(self, path: str, call: Callable[[str], Any]) -> Any:
        """Call the file system with a path as it names it, again if that may help.

        Raises:
            FileNotFoundError: The file does not exist.
            FileExistsError: It exists, where it must not.
            StoreError: The store could not be asked.
        """

        def once() -> Any:
            self.fs.invalidate_cache()
            return call(f"{self.root}/{path}")

        shown = f"{self.url}/{path}"
        try:
            return ask(once, shown, self._message)
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), shown) from None
        except FileExistsError:
            raise
        except Exception as error:
            reason = " ".join(self._message(error).split())
            renew = "renew the credentials and " * is_denied(error)
            raise StoreError(
                f"{shown} could not be read or written: {type(error).__name__}: {reason}. "
                f"Finished shards are safe: {renew}run the same command again."
            ) from None

    def _message(self, error: Exception) -> str:
        """Return the message of an error; client libraries may quote the URL with its secrets."""
        return without_secrets_of(self.address, str(error))


def _last_part(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]

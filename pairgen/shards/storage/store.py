"""All access to a dataset folder: list, read, and write atomically. Local, or through fsspec.

A reader never sees a partial file: a local file is written under `__meta__/tmp`, synced, then
renamed; object stores publish an upload only once it is complete.

"The file does not exist" and "the store could not be read" are different answers: the first is a
value or FileNotFoundError, the second another OSError. A store never turns one into the other,
because whatever is considered missing is made again.
"""

from pathlib import Path
from typing import Any, Protocol

from pairgen.filesystems import check_uncut, without_file_scheme
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.remote_store import RemoteStore


class Store(Protocol):
    """A dataset folder. Paths are relative, with forward slashes.

    Every method raises OSError if the folder cannot be reached.

    Attributes:
        url: The folder as it is shown and recorded: without secrets.
        address: What opens it again, on other machines too; never shown.
    """

    url: str
    address: str

    def exists(self, path: str) -> bool:
        """Whether the file exists."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names in `folder`, sorted; empty if there is no such folder."""
        ...

    def size(self, path: str) -> int:
        """Return the file's size in bytes."""
        ...

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the size in bytes of every file in `folder`, by name, from one listing."""
        ...

    def md5s(self, folder: str) -> dict[str, str]:
        """Return a hash of every name in `folder` from one listing: MD5 in hex, or "" if not told.

        A hash may be of something else than the content; it equals that of the content only if the
        content is the same.
        """
        ...

    def read_bytes(self, path: str) -> bytes:
        """Return the file's content.

        Raises:
            FileNotFoundError: The file does not exist.
        """
        ...

    def read_range(self, path: str, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to `stop`; fewer if the file ends earlier."""
        ...

    def fetch(self, path: str, target: Path) -> None:
        """Copy the file to a local path, replacing what is there."""
        ...

    def put_bytes(self, path: str, data: bytes) -> None:
        """Write a small file atomically, replacing what is there."""
        ...

    def create_bytes(self, path: str, data: bytes) -> bool:
        """Write a small file atomically unless it exists; return whether it was written.

        Of several processes that try at once, one writes it, where the store can tell. Some remote
        file systems cannot, and look before they write.
        """
        ...

    def spool(self, name: str) -> Path:
        """Return a local path to write a large file to, by overwriting the empty file there.

        End with `put_file` or `drop`, by the same process.
        """
        ...

    def put_file(self, spooled: Path, path: str, sha256: str = "") -> None:
        """Move a spooled file to `path` atomically, replacing what is there.

        Args:
            spooled: The file.
            path: Its new path.
            sha256: SHA-256 of its content in hex; a store that keeps facts beside files keeps it.
        """
        ...

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of a file's content in hex: what is kept beside it, or by reading.

        Raises:
            FileNotFoundError: The file does not exist.
        """
        ...

    def drop(self, spooled: Path) -> None:
        """Delete a spooled file."""
        ...

    def stale_spool(self) -> list[str]:
        """Return the names of spooled files in the folder whose owners have ended."""
        ...

    def remove_stale_spool(self) -> int:
        """Remove what was spooled, here or on this machine, by owners that have ended.

        Returns:
            The number of files or folders.
        """
        ...

    def prune(self) -> None:
        """Remove the folder if it contains nothing but empty folders."""
        ...

    def remove(self, path: str) -> None:
        """Remove the file if it exists."""
        ...

    def local(self, path: str) -> Any:
        """Context manager that yields a local path to the file's content."""
        ...


def open_store(url: str | Path) -> Store:
    """Open a dataset folder: a local path, or a URL such as `s3://bucket/set`.

    A local path becomes absolute, so that workers in another working directory find it.

    Raises:
        ConfigError: The URL's protocol is unknown, or the URL was recorded without its secrets.
    """
    text = str(url)
    check_uncut(text)
    text = without_file_scheme(text)
    if "://" in text:
        return RemoteStore(text.rstrip("/"))
    return LocalStore(Path(text).expanduser().absolute())

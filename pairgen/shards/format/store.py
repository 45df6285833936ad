"""All access to a dataset folder: put atomically, list, read. Local, or anything fsspec opens.

A reader never sees half a file: a local file is written under `__meta__/tmp`, synced, then
renamed; object stores publish an upload only when it is whole.

"It is not there" and "it could not be looked at" are different answers: the first is a value or
FileNotFoundError, the second another OSError. A store never turns one into the other, for what is
taken to be missing is made again.
"""

import re
from pathlib import Path
from typing import Any, Protocol

from pairgen.errors import ConfigError
from pairgen.redaction import is_cut
from pairgen.shards.format.local_store import LocalStore
from pairgen.shards.format.remote_store import RemoteStore


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
    if local := re.match(r"(?:file|local):(?://(?:localhost(?=/))?)?", text, re.IGNORECASE):
        text = text[local.end() :]
    if "://" in text:
        return RemoteStore(text.rstrip("/"))
    return LocalStore(Path(text).expanduser().absolute())

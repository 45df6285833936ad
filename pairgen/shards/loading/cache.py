"""A bounded local folder for shards that lie behind a URL. Several processes may share it.

Files are named by their SHA-256, so equal shards of two sets are one file and a changed shard is
another. They appear whole or not at all, the one that was opened longest ago goes first, and a file
that goes while somebody reads it stays readable for that reader.
"""

import fcntl
import itertools
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pairgen.errors import ConfigError
from pairgen.shards.format.local_store import is_alive
from pairgen.shards.format.store import Store

# How long to wait for room that other processes' downloads hold, before looking again.
RETRY_SECONDS = 0.05
_LOCK = "lock"
_SHARD = re.compile(r"[0-9a-f]{64}\.tar")
_DOWNLOAD = re.compile(r"(?P<host>.+)\.(?P<pid>\d+)\.\d+\.(?P<num_bytes>\d+)\.part")
_counter = itertools.count()


class ShardCache:
    """A folder with at most `max_bytes` of shards, downloads in work included.

    Args:
        folder: Made when it is missing. Other files in it are left alone and not counted.
        max_bytes: Bound of the folder's size.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _LOCK).touch()
        except OSError as error:
            raise ConfigError(
                f"The cache folder {str(folder)!r} cannot be used: {error.strerror}."
            ) from None

    def open(self, store: Store, path: str, num_bytes: int, sha256: str) -> BinaryIO:
        """Open a shard, downloaded first if it is not here.

        Args:
            store: The set's folder.
            path: Of the shard.
            num_bytes: Its size, as recorded.
            sha256: Its hash, as recorded; names the file, is not checked.

        Raises:
            ConfigError: The shard is larger than the cache.
            FileNotFoundError: The store has no such shard.
        """
        target = self._folder / f"{sha256}.tar"
        try:
            return self._opened(target)
        except FileNotFoundError:
            pass
        spooled = self._reserve(num_bytes)
        try:
            store.fetch(path, spooled)
            file = open(spooled, "rb")  # noqa: SIM115
            with self._lock():
                # Whoever counts the folder meanwhile would see the file under no name, or both.
                os.replace(spooled, target)
        finally:
            spooled.unlink(missing_ok=True)
        return file

    def discard(self, sha256: str) -> None:
        """Remove a shard whose bytes are not what its name says."""
        (self._folder / f"{sha256}.tar").unlink(missing_ok=True)

    def _opened(self, path: Path) -> BinaryIO:
        file = open(path, "rb")  # noqa: SIM115
        # The time of change is the time of last use: not every disk keeps times of access.
        os.utime(file.fileno())
        return file

    def _reserve(self, num_bytes: int) -> Path:
        """Make room and return a file to download to."""
        if num_bytes > self._max_bytes:
            raise ConfigError(
                f"A shard of {num_bytes:,} bytes does not fit into a cache of "
                f"{self._max_bytes:,} bytes."
            )
        # The size is in the name: it counts from now on, though no byte is there yet.
        name = f"{socket.gethostname()}.{os.getpid()}.{next(_counter)}.{num_bytes}.part"
        while True:
            with self._lock():
                if self._make_room(num_bytes):
                    (self._folder / name).touch()
                    return self._folder / name
            time.sleep(RETRY_SECONDS)

    def _make_room(self, num_bytes: int) -> bool:
        """Remove what was used longest ago; return whether there is room now."""
        total, removable = 0, []
        for path in self._folder.iterdir():
            download = _DOWNLOAD.fullmatch(path.name)
            # What does not bear such a name is not ours to remove.
            if download is None and not _SHARD.fullmatch(path.name):
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            size = status.st_size if download is None else int(download["num_bytes"])
            total += size
            if download is None or _is_abandoned(download):
                removable.append((status.st_mtime_ns, path, size))
        for _, path, size in sorted(removable):
            if total + num_bytes <= self._max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size
        return total + num_bytes <= self._max_bytes

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with open(self._folder / _LOCK, "rb") as file:
            # Released when the file closes, also when the process dies.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _is_abandoned(download: re.Match[str]) -> bool:
    """Whether a dead process of this host left a download behind."""
    return download["host"] == socket.gethostname() and not is_alive(int(download["pid"]))

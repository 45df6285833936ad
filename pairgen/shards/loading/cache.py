"""A local cache of limited size for shards behind a URL. Several processes may share it.

Files are named by their SHA-256, so equal shards of two datasets are one file, and a changed shard
is another. Files appear atomically, the least recently opened one is evicted first, and an evicted
file stays readable for processes that have it open.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pairgen.errors import ConfigError
from pairgen.shards.loading.training_set import OpenSet
from pairgen.shards.storage import spool
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store

# Windows whose shards are open at the same time: the current one and the next.
OPEN_WINDOWS = 2
# Seconds to wait for room taken by other processes' downloads before checking again.
RETRY_SECONDS = 0.05
_LOCK = "lock"
_SHARD = re.compile(r"[0-9a-f]{64}\.tar")
_DOWNLOAD = re.compile(r".+\.(?P<num_bytes>\d+)\.part")


class ShardCache:
    """A folder with at most `max_bytes` of shards, including downloads in progress.

    Args:
        folder: Path of the folder, created if needed. Other files in it are left alone and not
            counted.
        max_bytes: Maximum size of the cache in bytes.
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
        """Open a shard; download it first if it is not cached.

        Args:
            store: The dataset's folder.
            path: Path of the shard.
            num_bytes: Recorded size of the shard in bytes.
            sha256: Recorded hash of the shard; names the file, and is not checked.

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
                # Another process that counts the folder could miss the file, or count it twice.
                os.replace(spooled, target)
        finally:
            spooled.unlink(missing_ok=True)
            spool.let_go(spooled)
        return file

    def discard(self, sha256: str) -> None:
        """Remove a shard whose bytes do not match its name."""
        (self._folder / f"{sha256}.tar").unlink(missing_ok=True)

    def _opened(self, path: Path) -> BinaryIO:
        file = open(path, "rb")  # noqa: SIM115
        # The modification time is the time of last use: not every disk records access times.
        os.utime(file.fileno())
        return file

    def _reserve(self, num_bytes: int) -> Path:
        """Make room and return a path to download to."""
        if num_bytes > self._max_bytes:
            raise ConfigError(
                f"A shard of {num_bytes:,} bytes does not fit into a cache of "
                f"{self._max_bytes:,} bytes."
            )
        # The name includes the size, so the file counts before its first byte arrives.
        while True:
            with self._lock():
                if self._make_room(num_bytes):
                    return spool.new_file(self._folder, f"{num_bytes}.part")
            time.sleep(RETRY_SECONDS)

    def _make_room(self, num_bytes: int) -> bool:
        """Remove the least recently used files; return whether there is room now."""
        total, removable = 0, []
        for path in self._folder.iterdir():
            download = _DOWNLOAD.fullmatch(path.name)
            # A file without such a name is not ours to remove.
            if download is None and not _SHARD.fullmatch(path.name):
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            size = status.st_size if download is None else int(download["num_bytes"])
            total += size
            if download is None or spool.is_left(path):
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
            # Released when the file closes, even if the process dies.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def open_cache(
    sets: Sequence[OpenSet], folder: Path, max_bytes: int, window: int
) -> ShardCache | None:
    """Return the cache for datasets behind URLs; None if all are local.

    Raises:
        ConfigError: The shards that are open at the same time do not fit.
    """
    layers = [layer for found in sets for layer in found.all_layers]
    remote = [layer for layer in layers if not isinstance(layer.store, LocalStore)]
    if not remote:
        return None
    needed = 0
    for layer in remote:
        sizes = sorted(receipt.num_bytes for receipt in layer.receipts.values())
        needed += sum(sizes[-OPEN_WINDOWS * window :])
    if needed > max_bytes:
        raise ConfigError(
            f"cache_bytes must hold {OPEN_WINDOWS} windows of {window} shards, here "
            f"{needed:,} bytes, got {max_bytes:,}."
        )
    return ShardCache(folder.expanduser(), max_bytes)

"""Ask for objects behind URLs: what there is, and ranges of bytes.

"There is no such object" is FileNotFoundError or None, "it may not be read" a ConfigError, and "the
store does not answer" a StoreError: no error is mistaken for a missing object.
"""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pairgen.errors import ConfigError, PairgenError, StoreError, short
from pairgen.filesystems import WEB, open_filesystem, protocol_of
from pairgen.redaction import url_without_secrets, without_secrets_of
from pairgen.retry import ask, is_denied, is_wrong_input

# What file systems call a mark of the content, the best first.
_TAGS = ("ETag", "etag", "md5Hash", "blob_id", "Content-MD5", "LastModified", "Last-Modified")
_TIMES = ("last_modified", "updated", "modified", "mtime", "created")
_GONE = (404, 410)
# Compressed on its way, a file has another length.
_AS_IT_IS = {"Accept-Encoding": "identity"}


@dataclass(frozen=True)
class RemoteObject:
    """What an object behind a URL was when it was asked for.

    Attributes:
        num_bytes: Its size.
        tag: What its store gives to tell contents apart: an ETag, a hash, else the time of its last
            change; empty if it gives none.
    """

    num_bytes: int
    tag: str

    def __str__(self) -> str:
        """Return both in words."""
        return f"{self.num_bytes:,} bytes" + (f" with the tag {self.tag}" if self.tag else "")


@dataclass(frozen=True)
class Entry:
    """A line of a listing.

    Attributes:
        is_folder: Whether it is a folder.
        object: What the object is; of no meaning for a folder.
    """

    is_folder: bool
    object: RemoteObject


def find_entry(address: str) -> Entry | None:
    """Return what is at a URL; None for nothing.

    Raises:
        ConfigError: It may not be read, or its size is not told.
        StoreError: The store does not answer.
    """
    try:
        info = _ask(address, lambda fs, path: _fresh(fs).info(path))
    except FileNotFoundError:
        return None
    return _entry(info, address)


def list_folder(address: str) -> dict[str, Entry]:
    """Return what lies in a folder, by name.

    Raises:
        FileNotFoundError: There is no such folder.
        ConfigError: It may not be read.
        StoreError: The store does not answer.
    """

    def entries(fs: Any, path: str) -> dict[str, Entry]:
        base = path.rstrip("/")
        found = {}
        for info in _fresh(fs).ls(path, detail=True):
            name = info["name"].rstrip("/")
            # Some stores keep an empty object of the folder's own name.
            if name != base:
                found[name.rpartition("/")[2]] = _entry(info, address)
        return found

    listed: dict[str, Entry] = _ask(address, entries)
    return listed


def folder_of(pattern: str) -> str:
    """Return the folder that all matches of a URL with `*`, `?` or `[...]` lie in, with a slash."""
    fixed = pattern[: min(place for place in map(pattern.find, "*?[") if place >= 0)]
    return fixed[: fixed.rindex("/") + 1]


def list_matches(pattern: str) -> list[str]:
    """Return the URLs that a URL with `*`, `?` or `[...]` matches, sorted.

    Raises:
        ConfigError: It may not be read.
        StoreError: The store does not answer.
    """
    folder = folder_of(pattern)

    def urls(fs: Any, path: str) -> list[str]:
        root = path.removesuffix(pattern[len(folder) :])
        # `**` matches its own folder, which is named without a slash.
        found = (f"{name.rstrip('/')}/".removeprefix(root) for name in _fresh(fs).glob(path))
        return sorted(folder + name.removesuffix("/") for name in found)

    matches: list[str] = _ask(pattern, urls)
    return matches


def read_range(address: str, start: int, stop: int, num_bytes: int) -> bytes:
    """Return the bytes from `start` to `stop` of an object of a known size.

    Raises:
        FileNotFoundError: There is no such object.
        ConfigError: It may not be read, or its server gives whole files only.
        StoreError: The store does not answer, or gives another number of bytes.
    """
    if start >= stop:
        return b""

    def read(fs: Any, path: str) -> bytes:
        if protocol_of(address) in WEB:
            data = _read_web(fs, path, start, stop, num_bytes)
        else:
            data = fs.cat_file(path, start=start, end=stop)
        if len(data) != stop - start:
            raise OSError(errno.EIO, f"{len(data):,} bytes came where {stop - start:,} are")
        return bytes(data)

    content: bytes = _ask(address, read)
    return content


def _read_web(fs: Any, url: str, start: int, stop: int, num_bytes: int) -> bytes:
    if (start, stop) == (0, num_bytes):
        whole: bytes = fs.cat_file(url, headers=_AS_IT_IS)
        return whole
    with fs.open(url, size=num_bytes, block_size=1, headers=_AS_IT_IS) as file:
        try:
            # Unlike `cat_file`, it does not take a whole file for its part.
            part: bytes = file._fetch_range(start, stop)
        except ValueError:
            raise ConfigError(
                f"{url_without_secrets(url)} cannot be read in parts, because its server knows no "
                "ranges: download it, or put it where ranges can be read."
            ) from None
    return part


def _ask(address: str, call: Callable[[Any, str], Any]) -> Any:
    """Call with the file system and the path of a URL, again if that may help."""
    fs, path = open_filesystem(address)
    shown = url_without_secrets(address)

    def once() -> Any:
        try:
            return call(fs, path)
        except TimeoutError as error:
            # The file system's own has no message.
            raise error.__cause__ or error from None
        except FileNotFoundError as error:
            cause = error.__cause__ if protocol_of(address) in WEB else None
            # For web servers, fsspec calls whatever goes wrong a missing file.
            if isinstance(cause, Exception) and getattr(cause, "status", 0) not in _GONE:
                raise cause from None
            raise

    try:
        return ask(once, shown, lambda error: without_secrets_of(address, str(error)))
    except PairgenError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), shown) from None
    except Exception as error:
        told = short(without_secrets_of(address, str(error)))
        reason = f"{type(error).__name__}: {told}"
        if is_denied(error):
            raise ConfigError(
                f"{shown} may not be read with these credentials: {reason}."
            ) from None
        if is_wrong_input(error):
            raise ConfigError(f"{shown} cannot be read: {reason}.") from None
        raise StoreError(
            f"{shown} cannot be read: {reason}; run the same command again once it can."
        ) from None


def _fresh(fs: Any) -> Any:
    """Return a file system that remembers no listing."""
    fs.invalidate_cache()
    return fs


def _entry(info: Mapping[str, Any], address: str) -> Entry:
    is_folder = info["type"] == "directory"
    size = info.get("size")
    if size is None and not is_folder:
        raise ConfigError(
            f"The server of {url_without_secrets(address)} does not tell its size: download it."
        )
    mark = next((info[name] for name in (*_TAGS, *_TIMES) if info.get(name)), "")
    # Some file systems list times as numbers, and tell that of one object as a date.
    mark = mark.timestamp() if isinstance(mark, datetime) else mark
    return Entry(is_folder, RemoteObject(int(size or 0), str(mark).strip('"')))

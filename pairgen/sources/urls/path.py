"""A path behind a URL, with what the readers of sources use of `pathlib.Path`.

Readers take either: what they do with an object behind a URL is what they do with a file.
"""

import io
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from pairgen.filesystems import WEB, open_filesystem, protocol_of
from pairgen.redaction import url_without_secrets
from pairgen.sources.urls.heads import head_of
from pairgen.sources.urls.objects import (
    Entry,
    RemoteObject,
    find_entry,
    list_folder,
    read_range,
)
from pairgen.sources.urls.ranges import RangeReader, buffered

# Folders whose listing is kept.
MAX_FOLDERS = 16


class Listings:
    """The folders that were asked for last, each of them listed once."""

    def __init__(self) -> None:
        self._folders: OrderedDict[str, Mapping[str, Entry]] = OrderedDict()

    def of(self, folder: str) -> Mapping[str, Entry]:
        """Return what lies in a folder, by name; raises as `list_folder`."""
        if folder not in self._folders:
            self._folders[folder] = list_folder(folder)
            if len(self._folders) > MAX_FOLDERS:
                self._folders.popitem(last=False)
        self._folders.move_to_end(folder)
        return self._folders[folder]

    def find(self, folder: str, name: str, address: str) -> Entry | None:
        """Return what has a name in a folder, without a request if the folder is listed."""
        if folder in self._folders:
            return self._folders[folder].get(name)
        return find_entry(address)


class UrlPath:
    """A file or folder behind a URL.

    Two are equal if their URLs are, and what they are known to be.

    Args:
        address: The URL, with secrets; for `http` and `https` with escapes.
        listings: The listings that it shares with its folder.
        planned: What the object was when it was planned; it is not asked for then.
        given: The URL that it was found from; empty if it is that one itself. What a listing has
            below it is a name, whatever it looks like, and holds no secrets.
    """

    def __init__(
        self,
        address: str,
        listings: Listings | None = None,
        planned: RemoteObject | None = None,
        given: str = "",
    ) -> None:
        self._planned = planned
        self._listings = Listings() if listings is None else listings
        self._is_web = protocol_of(address) in WEB
        marks = [place for place in map(address.find, "?#") if place >= 0] if self._is_web else []
        # Behind a web server, a query belongs to one object alone, and may end in a slash.
        self._plain = _without_slash(address[: min(marks, default=len(address))])
        self.address = address if marks else self._plain
        self._given = given or self.address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UrlPath) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _prefix(self) -> str:
        return self._plain if self._plain.endswith("/") else f"{self._plain}/"

    @property
    def _key(self) -> tuple[str, RemoteObject | None]:
        return self.address, self._planned

    def __str__(self) -> str:
        """Return the URL without secrets."""
        return url_without_secrets(self.address)

    @property
    def without_secrets(self) -> str:
        """Its URL as it is recorded; objects of one listing differ in it as their names do."""
        if not self.address.startswith(self._given):
            return str(self)
        return url_without_secrets(self._given) + self.address.removeprefix(self._given)

    def __repr__(self) -> str:
        return f"UrlPath({str(self)!r})"

    @property
    def name(self) -> str:
        """Its last part, without escapes."""
        return self._unescaped(self._plain.rpartition("/")[2])

    @property
    def stem(self) -> str:
        """Its name without the last suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """Its last suffix."""
        return PurePosixPath(self.name).suffix

    @property
    def suffixes(self) -> list[str]:
        """All its suffixes."""
        return PurePosixPath(self.name).suffixes

    @property
    def parent(self) -> "UrlPath":
        """The folder that it lies in."""
        head = self._plain.rpartition("/")[0]
        # The first folder of all is `memory://`.
        return UrlPath(f"{head}/" if head.endswith("/") else head, self._listings)

    @property
    def parents(self) -> Iterator["UrlPath"]:
        """The folders that it lies in, the nearest first."""
        path = self
        while (parent := path.parent)._plain != path._plain:
            yield parent
            path = parent

    def __truediv__(self, name: str) -> "UrlPath":
        """Return what has a name, or a path, from this folder on."""
        path = self
        for part in name.split("/"):
            if part == "..":
                # The host or bucket is never left: its name was typed, this path was not.
                path = path.parent if "/" in path._plain.partition("://")[2] else path
            elif part not in ("", "."):
                below = quote(part) if self._is_web else part
                below = f"{path._prefix}{below}"
                path = UrlPath(below, self._listings, given=path._given)
        return path

    def with_suffix(self, suffix: str) -> "UrlPath":
        """Return what lies beside it under its stem; behind a web server, that is nothing."""
        beside = self.parent / f"{self.stem}{suffix}"
        if self._is_web:
            # Without a listing, and often with another answer than "not found".
            beside.__dict__["entry"] = None
        return beside

    def name_below(self, folder: "UrlPath") -> str:
        """Return the path from a folder on, without escapes; the whole URL if not below it."""
        if not self._plain.startswith(folder._prefix):
            return str(self)
        return self._unescaped(self._plain.removeprefix(folder._prefix))

    def absolute(self) -> "UrlPath":
        """Return itself."""
        return self

    def expanduser(self) -> "UrlPath":
        """Return itself."""
        return self

    @cached_property
    def entry(self) -> Entry | None:
        """What it is; None if there is nothing. Asked for once."""
        if self._planned is not None:
            return Entry(False, self._planned)
        return self._listings.find(self.parent.address, self.name, self.address)

    @property
    def object(self) -> RemoteObject:
        """What the object is.

        Raises:
            FileNotFoundError: There is none.
        """
        if self.entry is None or self.entry.is_folder:
            raise FileNotFoundError(f"there is no object {self}")
        return self.entry.object

    def exists(self) -> bool:
        """Whether there is such a file or folder."""
        return self.entry is not None

    def is_file(self) -> bool:
        """Whether there is such a file."""
        return self.entry is not None and not self.entry.is_folder

    def is_dir(self) -> bool:
        """Whether there is such a folder."""
        return self.entry is not None and self.entry.is_folder

    def names(self) -> list[str]:
        """Return the names in this folder."""
        return list(self._listings.of(self.address))

    @property
    def place(self) -> str:
        """What its file system calls it: two URLs may name one folder."""
        return open_filesystem(self.address)[1]

    def walk(self) -> Iterator[tuple["UrlPath", list[str], list[str]]]:
        """Yield each folder from this one on, as `os.walk`; its list of folders may be cut.

        A folder is listed when it is its turn.
        """
        listed = self._listings.of(self.address)
        folders = sorted(name for name, entry in listed.items() if entry.is_folder)
        files = [name for name, entry in listed.items() if not entry.is_folder]
        yield self, folders, files
        for name in folders:
            yield from (self / name).walk()

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Open the file to be read in blocks; `mode` must be `rb`.

        Raises:
            FileNotFoundError: There is no such file.
        """
        assert mode == "rb"
        return buffered(self._read, self.object.num_bytes)

    def open_exactly(self) -> RangeReader:
        """Open the file; nothing is read that is not asked for.

        Raises:
            FileNotFoundError: There is no such file.
        """
        return RangeReader(self._read, self.object.num_bytes, reads_ahead=False)

    def open_part(self, start: int, num_bytes: int) -> io.BufferedReader:
        """Open a part of the file.

        Raises:
            FileNotFoundError: There is no such file.
        """
        num_bytes = max(0, min(num_bytes, self.object.num_bytes - start))
        head = head_of(self.address, start)
        return buffered(
            lambda first, last: self._read(start + first, start + last), num_bytes, head
        )

    def read_bytes(self) -> bytes:
        """Return the content."""
        return self._read(0, self.object.num_bytes)

    def read_text(self, encoding: str) -> str:
        """Return the content as text."""
        return self.read_bytes().decode(encoding)

    def _read(self, start: int, stop: int) -> bytes:
        return read_range(self.address, start, stop, self.object.num_bytes)

    def _unescaped(self, text: str) -> str:
        return unquote(text) if self._is_web else text


def _without_slash(url: str) -> str:
    return url if url.endswith("://") else url.rstrip("/")

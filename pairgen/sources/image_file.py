"""Where the bytes of an image are: a file here or behind a URL, and a place in it.

A worker on another machine can read an image by its address alone.
"""

import errno
import io
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from pairgen.regular_file import open_regular
from pairgen.sources.image_tables import table_cell
from pairgen.sources.paths import AnyPath, is_remote
from pairgen.sources.pixels.png_chunks import SIGNATURE
from pairgen.sources.tars.unpacked import plain_tar
from pairgen.sources.urls.addresses import recorded
from pairgen.sources.urls.heads import Key
from pairgen.sources.urls.objects import RemoteObject
from pairgen.sources.urls.path import UrlPath
from pairgen.sources.urls.planned import check_unchanged, planned_path
from pairgen.sources.urls.ranges import BLOCK

# A header is not read in one piece if it is larger.
MAX_HEAD = 4 * 2**20
# What a list of paths may name.
MISSING = RemoteObject(-1, "")


@dataclass(frozen=True)
class ImageFile:
    """Where the bytes of an image are.

    Attributes:
        name: Name that is recorded: the path below what the user gave.
        container: Absolute path of the file, or its URL without secrets.
        kind: `file`, `tar`, `parquet` or `arrow`; `painted` for a `PaintedFile`.
        place: Offset in the tar or row in the table; 0 for a plain file.
        num_bytes: Size of the image in bytes.
        column: Image column of the table; empty otherwise.
        caption: Text that came with the image; empty for none.
        label: Class label that came with the image, as written; empty for none.
        partner: The other image of a pair: LR, or the source of an edit; None for none.
        tag: Text about the content that came with a pair; empty for none.
        fault: Why its caption cannot be taken; empty if it can.
        captions: Its captions, if there are several; `caption` is then empty.
        caption_number: Which of its captions `caption` is, from 0.
        num_captions: Number of its captions; 0 also where nobody chooses among several.
        object_bytes: Size of a container behind a URL when it was listed; 0 for others, -1 for one
            that a list names and that does not exist.
        object_tag: Its ETag, hash or time of change then; empty if its store gives none.
    """

    name: str
    container: str
    kind: str
    place: int
    num_bytes: int
    column: str
    caption: str
    label: str = ""
    partner: "ImageFile | None" = None
    tag: str = ""
    fault: str = ""
    captions: tuple[str, ...] = ()
    caption_number: int = 0
    num_captions: int = 0
    object_bytes: int = 0
    object_tag: str = ""

    def open(self) -> BinaryIO:
        """Open the image's bytes as a binary file.

        Raises:
            OSError: The file no longer exists or cannot be read.
            ConfigError: It is behind a URL that may not be read, or not without its secrets.
        """
        if self.kind in ("parquet", "arrow"):
            return io.BytesIO(table_cell(self._path(), self.kind, self.column, self.place))
        if self.kind == "file" and not is_remote(self.container):
            # Millions of images are opened: no path is made for each.
            return open_regular(self.container)
        path = self._plain_path()
        if isinstance(path, UrlPath):
            return path.open_part(self.place, self.num_bytes)
        with open_regular(path) as file:
            file.seek(self.place)
            return io.BytesIO(file.read(self.num_bytes))

    def read(self) -> bytes:
        """Return the image's bytes; those of an object behind a URL only if it is as planned.

        Raises:
            OSError: The file no longer exists or cannot be read, or is another object.
            ConfigError: It lies in a tar or table behind a URL that has changed; or as for `open`.
        """
        path = self._path()
        if isinstance(path, UrlPath):
            check_unchanged(path, is_alone=self.kind == "file")
        with self.open() as file:
            return file.read()

    def head(self) -> tuple[Key, bytes] | None:
        """Fetch the beginning of an image behind a URL, for `read_ahead`; None for others."""
        if not is_remote(self.container) or self.kind in ("parquet", "arrow"):
            return None
        path = self._plain_path()
        if not isinstance(path, UrlPath):
            return None
        with path.open_part(self.place, self.num_bytes) as file:
            head = file.read(BLOCK)
            # A PNG may tell its orientation behind its pixels.
            if head.startswith(SIGNATURE) and self.num_bytes <= MAX_HEAD:
                head += file.read()
            return (path.address, self.place), head

    def num_container_bytes(self) -> int:
        """Return the size of the file that holds the image.

        Raises:
            OSError: It does not exist, or is another object than planned.
            ConfigError: As for `open`.
        """
        path = self._path()
        if not isinstance(path, UrlPath):
            return path.stat().st_size
        check_unchanged(path, is_alone=True)
        return path.object.num_bytes

    def _path(self) -> AnyPath:
        return _path_at(self.container, self.object_bytes, self.object_tag)

    def _plain_path(self) -> AnyPath:
        """Return where the bytes are: of a packed tar, the unpacked one."""
        if self.kind == "file":
            return self._path()
        return _tar_at(self.container, self.object_bytes, self.object_tag)


def located(path: AnyPath) -> tuple[str, dict[str, Any]]:
    """Return the `container` of an image, and further fields if it is behind a URL."""
    if isinstance(path, Path):
        return str(path.absolute()), {}
    found = path.object if path.is_file() else MISSING
    fields = {"object_bytes": found.num_bytes, "object_tag": found.tag}
    return recorded(path), fields


def _path_at(container: str, object_bytes: int, object_tag: str) -> AnyPath:
    if object_bytes == MISSING.num_bytes:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), container)
    if is_remote(container):
        return planned_path(container, object_bytes, object_tag)
    return Path(container)


@lru_cache(maxsize=256)
def _tar_at(container: str, object_bytes: int, object_tag: str) -> AnyPath:
    """Return the unpacked tar; each process looks once."""
    return plain_tar(_path_at(container, object_bytes, object_tag))

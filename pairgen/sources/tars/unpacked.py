"""Tars that are packed with gzip: unpacked once on each machine, into the cache."""

import gzip
import hashlib
import logging
import os
import time
import zlib
from pathlib import Path
from typing import BinaryIO

from pairgen.errors import ConfigError
from pairgen.sources.paths import AnyPath, open_path
from pairgen.sources.urls.path import UrlPath
from pairgen.sources.urls.whole_file import whole_file
from pairgen.wording import size_text

CACHE = "~/.cache/pairgen/unpacked"
SUFFIXES = (".tar", ".tar.gz", ".tgz")
_MAGIC = b"\x1f\x8b"
_CHUNK = 16 * 2**20
_SECONDS_BETWEEN_LINES = 30.0
log = logging.getLogger("pairgen").warning


def is_tar_name(name: str) -> bool:
    """Whether a file is named as a tar is, packed or not."""
    return name.lower().endswith(SUFFIXES)


def plain_tar(path: AnyPath) -> AnyPath:
    """Return the path of a tar that is not packed: the same, or of its copy in the cache.

    Raises:
        OSError: The file cannot be read, or there is no room for the copy.
        ConfigError: It is damaged.
    """
    if isinstance(path, UrlPath):
        with path.open_part(0, len(_MAGIC)) as start:
            if start.read() != _MAGIC:
                return path
    with open_path(path) as file:
        if isinstance(path, UrlPath):
            size, version = path.object.num_bytes, path.object.tag
        else:
            if file.read(2) != _MAGIC:
                return path
            found = os.fstat(file.fileno())
            size, version = found.st_size, str(found.st_mtime_ns)
        facts = f"{path.absolute()}\n{size}\n{version}"
        name = hashlib.sha256(facts.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        target = Path(CACHE).expanduser() / f"{name}.tar"
        if not target.exists():
            file.seek(0)
            _unpack(path, file, size, target)
    return target


def _unpack(path: AnyPath, file: BinaryIO, size: int, target: Path) -> None:
    """Unpack a file into the cache."""
    log("Unpacking %s (%s) into %s", path, size_text(size), target)
    due = time.monotonic() + _SECONDS_BETWEEN_LINES
    try:
        with whole_file(target) as out, gzip.open(file) as packed:
            while chunk := packed.read(_CHUNK):
                out.write(chunk)
                if time.monotonic() > due:
                    due = time.monotonic() + _SECONDS_BETWEEN_LINES
                    log("Unpacking %s: %.0f %%", path, 100 * file.tell() / size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ConfigError(f"The tar {path} cannot be read: {error}.") from None

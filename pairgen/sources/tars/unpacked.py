"""Tars that are packed with gzip: unpacked once on each machine, into the cache."""

import gzip
import hashlib
import logging
import os
import tempfile
import time
import zlib
from pathlib import Path
from typing import BinaryIO

from pairgen.errors import ConfigError

CACHE = "~/.cache/pairgen/unpacked"
SUFFIXES = (".tar", ".tar.gz", ".tgz")
_MAGIC = b"\x1f\x8b"
_CHUNK = 16 * 2**20
_SECONDS_BETWEEN_LINES = 30.0
log = logging.getLogger("pairgen").warning


def is_tar_name(name: str) -> bool:
    """Whether a file is named as a tar is, packed or not."""
    return name.lower().endswith(SUFFIXES)


def plain_tar(path: Path) -> Path:
    """Return the path of a tar that is not packed: the same, or of its copy in the cache.

    Raises:
        OSError: The file cannot be read, or there is no room for the copy.
        ConfigError: It is damaged.
    """
    with open(path, "rb") as file:
        if file.read(2) != _MAGIC:
            return path
        found = os.fstat(file.fileno())
        facts = f"{path.absolute()}\n{found.st_size}\n{found.st_mtime_ns}"
        name = hashlib.sha256(facts.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        target = Path(CACHE).expanduser() / f"{name}.tar"
        if not target.exists():
            file.seek(0)
            _unpack(path, file, found.st_size, target)
    return target


def _unpack(path: Path, file: BinaryIO, size: int, target: Path) -> None:
    """Unpack a file beside its place, then give it its name: nobody sees a part of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    log("Unpacking %s (%.1f MB) into %s", path, size / 1e6, target)
    number, partial = tempfile.mkstemp(dir=target.parent)
    due = time.monotonic() + _SECONDS_BETWEEN_LINES
    try:
        with os.fdopen(number, "wb") as out, gzip.open(file) as packed:
            while chunk := packed.read(_CHUNK):
                out.write(chunk)
                if time.monotonic() > due:
                    due = time.monotonic() + _SECONDS_BETWEEN_LINES
                    log("Unpacking %s: %.0f %%", path, 100 * file.tell() / size)
        os.replace(partial, target)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ConfigError(f"The tar {path} cannot be read: {error}.") from None
    finally:
        Path(partial).unlink(missing_ok=True)

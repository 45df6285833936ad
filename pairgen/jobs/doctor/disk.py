"""Check free space and write speed where pairgen writes."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pairgen.jobs.doctor.check import BROKEN, MISSING, OK, Check

NUM_BYTES = 8 << 20
# A shard is spooled before it is published, and a model's weights take gigabytes.
LITTLE_BYTES = 5e9


def check_disks() -> Iterator[Check]:
    """Check the working directory, the hub's cache, and the folder for temporary files."""
    yield check_disk("disk .", Path("."))
    yield check_disk("disk cache", hub_cache())
    yield check_disk("disk temp", Path(tempfile.gettempdir()))


def check_disk(name: str, folder: Path) -> Check:
    """Write a few megabytes to a folder, or to its nearest existing parent, and sync them."""
    there = folder.expanduser().absolute()
    while not there.exists():
        there = there.parent
    made = "" if there == folder.expanduser().absolute() else f" (for {folder}, not created yet)"
    data = os.urandom(NUM_BYTES)
    try:
        free = shutil.disk_usage(there).free
        with tempfile.NamedTemporaryFile(dir=there, prefix=".pairgen-") as file:
            start = time.perf_counter()
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            seconds = time.perf_counter() - start
    except OSError as error:
        remedy = "free some space or fix the permissions, or choose another folder"
        return Check(name, BROKEN, f"{there}{made}: {error.strerror or error}", remedy)
    found = (
        f"{there}{made}: {free / 1e9:,.1f} GB free, "
        f"{NUM_BYTES / 1e6 / max(seconds, 1e-9):,.0f} MB/s written and synced"
    )
    if free < LITTLE_BYTES:
        return Check(name, MISSING, found, f"free some space: under {LITTLE_BYTES / 1e9:g} GB left")
    return Check(name, OK, found)


def hub_cache() -> Path:
    """Return the hub library's model cache folder; do not import the library, it may be broken."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", os.path.join(cache, "huggingface"))
    return Path(os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub")))

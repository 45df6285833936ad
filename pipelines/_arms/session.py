"""One process at a time in a run's folder, and the seconds that were spent there."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def taking_turns(note: Path) -> Iterator[None]:
    """Wait until no other process holds a note, and hold it."""
    with note.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def session(folder: Path) -> Iterator[float | None]:
    """Make a run's folder and hold it; yield the seconds of earlier sessions that were stopped.

    Yields None where another process holds it. A note beside the folder is the lock, and says when
    this session began.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.json").open("a+", encoding="utf-8") as note:
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        note.seek(0)
        seconds = seconds_before(note.read(), folder)
        note.truncate(0)
        note.write(json.dumps({"seconds": seconds, "began": time.time()}))
        note.flush()
        yield seconds


def seconds_before(note: str, folder: Path) -> float:
    """Return the seconds that a note tells; of the last session up to the last file it wrote."""
    try:
        kept = json.loads(note)
    except ValueError:
        return 0.0
    written = [path.stat().st_mtime for path in folder.rglob("*") if path.is_file()]
    return float(kept["seconds"] + max(0.0, max(written, default=0.0) - kept["began"]))

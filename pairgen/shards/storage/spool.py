"""Files and folders in work: whether their owner still lives can be told in every process.

Names are `MACHINE.RANDOM.NAME`, and the owner holds a lock on what it made, which the kernel lets
go of when the owner ends, however it ends. Containers of one machine see each other's locks, though
they may share neither pids nor host names. Machines need not: what another one left, and what was
made where there are no locks, is told by its age.
"""

import errno
import fcntl
import functools
import hashlib
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

# Nothing is written or uploaded for so long without a change.
SECONDS_IN_WORK = 24 * 3600.0
# Every boot of a kernel has another, whatever containers run on it.
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_ROOT = "pairgen-spool"
_held: dict[Path, int] = {}
_guard = threading.Lock()


@functools.cache
def machine() -> str:
    """Return 12 hex digits that name this machine since it was started."""
    try:
        identity = _BOOT_ID.read_text(encoding="ascii")
    except OSError:
        identity = socket.gethostname()
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def new_file(folder: Path, name: str) -> Path:
    """Make an empty file for this process alone; call `let_go` when it is gone or has moved.

    Args:
        folder: A folder that exists. No link in it is followed.
        name: How the file's name ends.
    """
    while True:
        path = folder / f"{machine()}.{secrets.token_hex(8)}.{name}"
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        if _hold(path, os.open(path, flags, 0o666)):
            return path


def new_folder() -> Path:
    """Make a folder among the temporary ones for this process alone; call `remove_folder` later."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{_ROOT}.{machine()}."))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            # Nobody held it yet, and another process has removed it as left.
            continue
        if _hold(path, descriptor):
            return path


def let_go(path: Path) -> None:
    """Give up what `new_file` or `new_folder` made; nothing happens if that was done."""
    with _guard:
        held = _held.pop(path, None)
    if held is not None:
        os.close(held)


def remove_folder(path: Path) -> None:
    """Remove a folder from `new_folder` with what it holds."""
    shutil.rmtree(path, ignore_errors=True)
    let_go(path)


def is_left(path: Path) -> bool:
    """Whether the owner of a file or folder has ended; not if it is gone itself."""
    descriptor = _lock(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def remove_left(paths: Iterable[Path]) -> int:
    """Remove files and folders whose owners have ended; return their number."""
    removed = 0
    for path in paths:
        descriptor = _lock(path)
        if descriptor is None:
            continue
        # The lock is kept meanwhile: whoever has just made this sees that it is lost.
        try:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed += 1
        finally:
            os.close(descriptor)
    return removed


def folders_of_this_machine() -> list[Path]:
    """Return the folders from `new_folder` that this user's processes have made on this machine."""
    found = []
    for path in Path(tempfile.gettempdir()).glob(f"{_ROOT}.{machine()}.*"):
        try:
            status = path.lstat()
        except OSError:
            continue
        if status.st_uid == os.getuid():
            found.append(path)
    return found


def _hold(path: Path, descriptor: int) -> bool:
    """Lock what was just made; return whether it is still there, and nobody else's."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = _is_at(path, descriptor)
    except BlockingIOError:
        # Somebody looks whether it was left, and removes it.
        is_ours = False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            os.close(descriptor)
            raise
        is_ours = True
    if not is_ours:
        os.close(descriptor)
        return False
    with _guard:
        _held[path] = descriptor
    return True


def _lock(path: Path) -> int | None:
    """Return a locked descriptor of what its owner has left; None for anything else."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
    except OSError:
        # It is gone, a link, or somebody else's.
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        has_locks = True
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        has_locks = False
    is_here = path.name.removeprefix(f"{_ROOT}.").startswith(f"{machine()}.")
    age = time.time() - os.fstat(descriptor).st_mtime
    may_go = (has_locks and is_here) or age > SECONDS_IN_WORK
    if may_go and _is_at(path, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether a path still names what a descriptor has open."""
    try:
        there = path.lstat()
    except OSError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))

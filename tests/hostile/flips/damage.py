"""Ways to damage a file: a byte, its end, its place, what it is."""

import os
import random
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

Damage = Callable[[Path, random.Random], str]


def flip(path: Path, draws: random.Random) -> str:
    """Change one byte to any other value."""
    data = bytearray(path.read_bytes())
    at = draws.randrange(len(data))
    before = data[at]
    data[at] ^= draws.randrange(1, 256)
    write(path, bytes(data))
    return f"byte {at} from {before:#04x} to {data[at]:#04x}"


def truncate(path: Path, draws: random.Random) -> str:
    """Cut the file, to nothing now and then."""
    data = path.read_bytes()
    length = draws.choice([0, draws.randrange(len(data)), len(data) - 1])
    write(path, data[:length])
    return f"cut to {length} of {len(data)} bytes"


def extend(path: Path, draws: random.Random) -> str:
    """Add bytes behind its end."""
    more = draws.choice([b"\0", b"\n\n", b"x" * 1000, b"\0" * 100_000])
    write(path, path.read_bytes() + more)
    return f"{len(more)} bytes more"


def swap(path: Path, draws: random.Random) -> str:
    """Give it the content of another file beside it, and that one its own."""
    others = sorted(each for each in path.parent.iterdir() if each.is_file() and each != path)
    if not others:
        return truncate(path, draws)
    other = draws.choice(others)
    mine, theirs = path.read_bytes(), other.read_bytes()
    write(path, theirs)
    write(other, mine)
    return f"swapped with {other.name}"


def remove(path: Path, draws: random.Random) -> str:
    """Remove it."""
    del draws
    path.unlink()
    return "removed"


def link_to_itself(path: Path, draws: random.Random) -> str:
    """Put a link to itself in its place."""
    del draws
    path.unlink()
    path.symlink_to(path.name)
    return "a link to itself"


def folder(path: Path, draws: random.Random) -> str:
    """Put a folder in its place."""
    del draws
    path.unlink()
    path.mkdir()
    return "a folder"


def fifo(path: Path, draws: random.Random) -> str:
    """Put a FIFO in its place, which nobody writes to."""
    del draws
    path.unlink()
    os.mkfifo(path)
    return "a FIFO"


def endless(path: Path, draws: random.Random) -> str:
    """Put a link to a device without an end in its place."""
    del draws
    path.unlink()
    path.symlink_to("/dev/zero")
    return "a link to /dev/zero"


def socket_file(path: Path, draws: random.Random) -> str:
    """Put a socket in its place."""
    del draws
    path.unlink()
    # The name of a socket has at most 107 bytes.
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(before)
    return "a socket"


def again(damage: Damage, draws: random.Random) -> Callable[[Path], str]:
    """Return what damages each file that it is given alike."""
    state = draws.getstate()

    def do(path: Path) -> str:
        draws.setstate(state)
        return damage(path, draws)

    return do


OTHERS: Mapping[str, Damage] = {
    "cut": truncate,
    "longer": extend,
    "swapped": swap,
    "removed": remove,
    "link to itself": link_to_itself,
    "folder": folder,
    "FIFO": fifo,
    "endless device": endless,
    "socket": socket_file,
}


def write(path: Path, data: bytes) -> None:
    """Replace a file, which may be a link or shared with another folder."""
    if path.is_symlink() or path.exists():
        path.unlink()
    path.write_bytes(data)


def copy(source: Path, target: Path) -> None:
    """Copy a folder."""
    shutil.copytree(source, target, symlinks=True)

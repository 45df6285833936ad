"""Read WebDataset tars: group members into samples, in one pass."""

import tarfile
from collections.abc import Callable, Iterator
from typing import BinaryIO


def split_member(name: str) -> tuple[str, str]:
    """Return a member's key and extension: `a/b`, `lr4.png` for `a/b.lr4.png`."""
    head, _, base = name.rpartition("/")
    key, _, extension = base.partition(".")
    return f"{head}/{key}" if head else key, extension


def read_samples(
    file: BinaryIO, is_wanted: Callable[[str], bool]
) -> Iterator[dict[str, bytes | None]]:
    """Yield the samples in tar order, as extension to content; None for unwanted members.

    Members of one sample are adjacent. Memory does not grow with the tar.

    Args:
        file: The tar, seekable.
        is_wanted: Whether to read a member with this extension.

    Raises:
        tarfile.TarError: The file is not a tar, or has no proper end.
    """
    last, members = "", dict[str, bytes | None]()
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while (member := tar.next()) is not None:
            # tarfile keeps every member that it has read.
            tar.members = []  # type: ignore[attr-defined]
            key, extension = split_member(member.name)
            if not member.isfile() or member.issparse() or key.rpartition("/")[2] == "":
                continue
            if key != last and members:
                yield members
                members = {}
            last = key
            members[extension] = _content(file, member) if is_wanted(extension) else None
        if members:
            yield members
        _check_end(file, tar.offset)


def _content(file: BinaryIO, member: tarfile.TarInfo) -> bytes:
    file.seek(member.offset_data)
    content = file.read(member.size)
    if len(content) < member.size:
        raise tarfile.ReadError(f"truncated in {member.name}")
    return content


def _check_end(file: BinaryIO, offset: int) -> None:
    """Raise unless a tar ends where no further member was found.

    tarfile mistakes a damaged or missing header for the end.
    """
    file.seek(offset)
    if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"truncated or damaged at byte {offset:,}")

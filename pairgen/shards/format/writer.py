"""Write a shard: a ustar file whose bytes depend only on the samples.

Members of a key are contiguous and sorted, mtime is 0, owner and mode are fixed.
"""

import errno
import hashlib
import os
from pathlib import Path
from types import TracebackType

from pairgen.shards.format.codec import encode_facts, encode_field
from pairgen.types import Sample

BLOCK = 512
# tarfile and GNU tar pad to 20 blocks; some readers require it.
RECORD = 20 * BLOCK


def ustar_header(name: str, size: int) -> bytes:
    """Return the header block of a regular file.

    Args:
        name: Name of at most 100 bytes.
        size: Size in bytes, below 8 GiB.

    Raises:
        ValueError: `name` or `size` does not fit.

    Reference:
        POSIX.1-1988 ustar interchange format.
    """
    raw = name.encode("utf-8")
    if len(raw) > 100 or size >= 8**11:
        raise ValueError(f"{name!r} with {size} bytes does not fit into a ustar header.")
    head = raw.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size
    head += b"00000000000\0"  # mtime 0: the bytes must not depend on the clock.
    tail = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2
    tail = tail.ljust(BLOCK - len(head) - 8, b"\0")
    # The checksum counts its own field as eight spaces.
    checksum = sum(head) + 8 * ord(" ") + sum(tail)
    return head + b"%06o\0 " % checksum + tail


def member_size(num_bytes: int) -> int:
    """Return the bytes of a member in a tar: header, content and padding."""
    return BLOCK + num_bytes + -num_bytes % BLOCK


def end_size(num_bytes: int) -> int:
    """Return the size of the end mark after `num_bytes` of members, padded to a full record."""
    return 2 * BLOCK + -(num_bytes + 2 * BLOCK) % RECORD


class ShardWriter:
    """Writes samples to one tar and hashes it on the way.

    The path may name an empty file, such as `Store.spool` makes, and no other.

    Use it as a context manager; `num_bytes` and `sha256` are final after it closes.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and path.stat().st_size:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        self._file = open(path, "wb")  # noqa: SIM115
        self._hash = hashlib.sha256()
        self.num_bytes = 0
        self.count = 0

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written so far, in hex."""
        return self._hash.hexdigest()

    def write(self, sample: Sample) -> int:
        """Append a sample; return the offset of its first header."""
        offset = self.num_bytes
        members = {extension: encode_field(value) for extension, value in sample.fields.items()}
        members["json"] = encode_facts(sample.facts)
        parts = []
        for extension in sorted(members):
            data = members[extension]
            parts += [ustar_header(f"{sample.key}.{extension}", len(data)), data]
            parts.append(bytes(-len(data) % BLOCK))
        self._append(b"".join(parts))
        self.count += 1
        return offset

    def _append(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.num_bytes += len(data)

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._append(bytes(end_size(self.num_bytes)))
        self._file.close()

"""The chunks of a PNG: texts that Pillow would stumble over are taken out.

Pillow refuses a PNG for a text of more than 1 MB and for a wrong checksum of a chunk that no pixel
depends on.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

_HEAD = struct.Struct(">I4s")
SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# Chunks that say nothing about what is seen, or nothing that is used.
_UNUSED = (*TEXTS, b"tIME", b"pHYs", b"bKGD", b"hIST", b"sPLT", b"sBIT", b"gAMA", b"cHRM", b"sRGB")
# Of a compressed text, and of all texts: below Pillow's limits of 1 MiB and 64 MiB.
MAX_TEXT, MAX_TEXTS = 1_000_000, 32_000_000
# Chunks that a file has at most before it is read as it is: each costs a seek.
MAX_CHUNKS = 100_000


def readable_png(file: BinaryIO) -> BinaryIO:
    """Return a PNG without unsound chunks that no pixel depends on: the file itself if all are.

    Args:
        file: An open PNG, seekable.
    """
    unsound, num_text = set[int](), 0
    for start, name, length in _chunks(file):
        body = file.read(length + 4)
        size = _text_size(name, body[:-4])
        num_text += size
        crc = zlib.crc32(body[:-4], zlib.crc32(name)).to_bytes(4, "big")
        # A text that is not packed may be long.
        is_too_long = size > max(MAX_TEXT, length) or num_text > MAX_TEXTS
        if len(body) == length + 4 and (body[-4:] != crc or is_too_long):
            unsound.add(start)
            num_text -= size
    file.seek(0)
    return _without(file, unsound) if unsound else file


def _chunks(file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Yield start, name and length of chunks of `_UNUSED`; the file stands at their content."""
    place = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < _HEAD.size:
            return
        length, name = _HEAD.unpack(head)
        if name == b"IEND":
            return
        if name in _UNUSED:
            yield place, name, length
        place += length + 12


def _text_size(name: bytes, body: bytes) -> int:
    """Return the size of a text when unpacked, at most a little more than is allowed."""
    if name == b"zTXt":
        packed = body.partition(b"\0")[2][1:]
    elif name == b"iTXt" and body.partition(b"\0")[2][:1] == b"\x01":
        # Flag, method, then language and translated keyword, each with an end.
        packed = body.partition(b"\0")[2][2:].split(b"\0", 2)[-1]
    else:
        return len(body)
    try:
        return len(zlib.decompressobj().decompress(packed, MAX_TEXT + 1))
    except zlib.error:
        # Pillow takes such a text for an empty one.
        return 0


def _without(file: BinaryIO, starts: set[int]) -> BinaryIO:
    """Return a PNG in memory without the chunks that begin at `starts`."""
    data, place, kept = file.read(), 0, list[bytes]()
    for start in sorted(starts):
        kept.append(data[place:start])
        place = start + int.from_bytes(data[start : start + 4], "big") + 12
    return io.BytesIO(b"".join((*kept, data[place:])))

"""Make image files byte by byte, where libraries that write them leave something out."""

import importlib
import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms

HEIGHT, WIDTH = 24, 40
ORIENTATION = 0x0112


def colours(top: int = 255) -> np.ndarray:
    """Return a gradient of RGB levels, [H, W, 3] float."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack((x / (WIDTH - 1), y / (HEIGHT - 1), 1 - x / (WIDTH - 1)), -1) * top


def alpha(top: int = 255) -> np.ndarray:
    """Return a gradient of alpha, [H, W, 1] float."""
    return np.mgrid[:HEIGHT, :WIDTH][1][..., None] / (WIDTH - 1) * top


def png(pixels: np.ndarray, depth: int, kind: int, extra: bytes = b"") -> bytes:
    """Return a PNG of integers [H, W, C]; `extra` are chunks before the pixels."""
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in pixels]
    elif depth == 8:
        rows = [row.astype(np.uint8).tobytes() for row in pixels]
    else:
        rows = [_packed(row.ravel(), depth) for row in pixels]
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, kind, 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _packed(row: np.ndarray, depth: int) -> bytes:
    """Return integers packed into bytes, the highest bits first."""
    bits = (row[:, None].astype(np.uint16) >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8).ravel()).tobytes()


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image written by Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    """Return a TIFF written by tifffile."""
    buffer = io.BytesIO()
    importlib.import_module("tifffile").imwrite(buffer, pixels, metadata=None, **options)
    return buffer.getvalue()


def twelve_bits(levels: np.ndarray) -> bytes:
    """Return a TIFF of packed 12-bit gray levels [H, W]."""
    rows = b"".join(_packed(row, 12) for row in levels)
    height, width = levels.shape
    tags = ((256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1))
    tags += ((278, height), (279, len(rows)))
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = 8 + len(rows)
    return (
        b"II*\0" + struct.pack("<I", start) + rows + struct.pack("<H", len(tags)) + body + bytes(4)
    )


def trns(levels: np.ndarray) -> bytes:
    """Return the chunk that makes the fourth pixel's colour transparent."""
    return chunk(b"tRNS", b"".join(struct.pack(">H", int(each)) for each in levels[0, 3]))


def gray_profile(gamma: float) -> bytes:
    """Return an ICC profile of gray with a gamma."""
    text = b"text\0\0\0\0gray\0\0\0\0"
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"gray\0" + bytes(78) + bytes(1)
    tags, body, start = b"", b"", 128 + 4 + 12 * 4
    for tag, content in ((b"desc", name), (b"cprt", text), (b"wtpt", white), (b"kTRC", curve)):
        content += bytes(-len(content) % 4)
        tags += tag + struct.pack(">II", start + len(body), len(content))
        body += content
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ "
    )
    head += bytes(12) + b"acsp" + bytes(24) + struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", 4) + tags + body


def linear_rgb_profile() -> bytes:
    """Return an ICC profile of sRGB's primaries and a gamma of 1."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    place = profile.index(b"para") + 8
    # Function 0, Y = X ^ g, in place of that of sRGB; what follows is not read.
    return profile[:place] + struct.pack(">HHi", 0, 0, 65536) + profile[place + 8 :]

"""Encode pixels of 16 bits as a PNG: Pillow writes 8 bits of colours, OpenCV no metadata.

Reference:
    PNG Specification, Third Edition (W3C 2025): chunks in Section 5, filters in Section 9.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# By number of channels: gray, gray and alpha, RGB, RGB and alpha.
COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
# Each value minus the one above.
UP = 2
ROWS_AT_ONCE = 256


def encode_deep_png(
    pixels: np.ndarray, icc_profile: bytes | None, exif: bytes, info: PngImagePlugin.PngInfo
) -> bytes:
    """Encode pixels [H, W, C] uint16.

    Args:
        pixels: C = 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
        icc_profile: Colour profile; None for none.
        exif: Exif data; empty for none.
        info: Further chunks.
    """
    height, width, num_channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, COLOR_TYPES[num_channels], 0, 0, 0)
    parts = [SIGNATURE, _chunk(b"IHDR", header)]
    if icc_profile:
        named = b"ICC Profile\0\0" + zlib.compress(icc_profile)
        parts.append(_chunk(b"iCCP", named))
    parts += [_chunk(name, data) for name, data, *_ in info.chunks]
    if exif:
        parts.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    compressor = zlib.compressobj()
    parts += [_chunk(b"IDAT", compressor.compress(rows)) for rows in _filtered(pixels)]
    return b"".join([*parts, _chunk(b"IDAT", compressor.flush()), _chunk(b"IEND", b"")])


def _filtered(pixels: np.ndarray) -> Iterator[bytes]:
    """Yield the filtered bytes of several rows at once."""
    height = len(pixels)
    above = np.zeros((1, pixels[0].size * 2), np.uint8)
    for start in range(0, height, ROWS_AT_ONCE):
        rows = pixels[start : start + ROWS_AT_ONCE].astype(">u2")
        values = rows.reshape(len(rows), -1).view(np.uint8)
        differences = values - np.concatenate([above, values[:-1]])
        filters = np.full((len(rows), 1), UP, np.uint8)
        yield np.concatenate([filters, differences], axis=1).tobytes()
        above = values[-1:]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

"""Locate the members of a mapped shard from its index offsets, for all samples at once."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairgen.errors import CorruptShardError
from pairgen.shards.format.codec import decode_array
from pairgen.shards.format.writer import BLOCK
from pairgen.types import sample_key

_KEY_DIGITS = len(sample_key(0))
# Position of the size in a ustar header: eleven octal digits.
_SIZE = slice(124, 135)


@dataclass(frozen=True)
class Member:
    """One member of every sample of a shard.

    Attributes:
        buffer: The mapped tar, uint8 [num_bytes].
        starts: Offsets of the contents, [N]; for arrays, after the `.npy` header.
        sizes: Sizes of the contents in bytes, [N].
    """

    buffer: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    def at(self, row: int) -> np.ndarray:
        """Return the bytes of one sample, uint8, without a copy."""
        start = int(self.starts[row])
        return self.buffer[start : start + int(self.sizes[row])]


def find_members(
    buffer: np.ndarray,
    offsets: np.ndarray,
    indices: np.ndarray,
    extensions: Sequence[str],
    wanted: Collection[str],
) -> dict[str, Member]:
    """Walk over the headers of all samples in parallel.

    Args:
        buffer: The mapped tar, uint8.
        offsets: Offset of the first header of every sample, [N].
        indices: Slot of every sample, [N].
        extensions: Members of every sample, in stored (sorted) order.
        wanted: Members to return.

    Raises:
        CorruptShardError: A header is not the expected one.
    """
    found = {}
    keys = _digits(indices)
    for extension in extensions:
        if len(offsets) and offsets.max() + BLOCK > len(buffer):
            raise CorruptShardError(f"the tar ends before the header of a {extension}")
        name = np.frombuffer(f".{extension}".encode() + b"\0", np.uint8)
        heads = _heads(buffer, offsets)
        names_fit = heads[:, _KEY_DIGITS : _KEY_DIGITS + len(name)] == name
        keys_fit = heads[:, :_KEY_DIGITS] == keys
        if not (names_fit.all() and keys_fit.all()):
            row = int(np.argmin(names_fit.all(axis=1) & keys_fit.all(axis=1)))
            where = f"{sample_key(int(indices[row]))}.{extension}"
            raise CorruptShardError(f"{where} does not begin at byte {offsets[row]}")
        sizes = _octal(heads[:, _SIZE])
        starts = offsets + BLOCK
        offsets = starts + sizes + -sizes % BLOCK
        if len(offsets) and offsets.max() > len(buffer):
            raise CorruptShardError(f"the tar ends inside a {extension}")
        if extension in wanted:
            found[extension] = Member(buffer, starts, sizes)
    return found


def skip_npy_headers(member: Member, spec: Mapping[str, Any], extension: str) -> Member:
    """Return an array member without its `.npy` headers, which must match the plan.

    Raises:
        CorruptShardError: An array has another dtype or shape, or a header is invalid.
    """
    if len(member.starts) == 0:
        return member
    dtype, shape = np.dtype(spec["dtype"]).newbyteorder("<"), tuple(spec["shape"])
    num_bytes = dtype.itemsize * math.prod(shape)
    length = int(member.sizes[0]) - num_bytes
    try:
        first = decode_array(member.at(0).data)
    except ValueError as error:
        raise CorruptShardError(f"{extension} cannot be read: {error}") from None
    if first.dtype != dtype or first.shape != shape or not first.flags.c_contiguous:
        raise CorruptShardError(
            f"{extension} is {first.dtype} {list(first.shape)}, the plan says {dtype} {list(shape)}"
        )
    if (member.sizes != member.sizes[0]).any():
        raise CorruptShardError(f"{extension} varies in size")
    headers = member.buffer[member.starts[:, None] + np.arange(length)]
    if (headers != headers[0]).any():
        raise CorruptShardError(f"{extension} varies in dtype or shape")
    return Member(member.buffer, member.starts + length, member.sizes - length)


def _heads(buffer: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the bytes of the headers at `offsets` up to the end of the size, uint8 [N, 135].

    One item for each row, at any byte of the buffer: several times as fast as single bytes.
    """
    num_rows = max(0, len(buffer) - _SIZE.stop + 1)
    rows = np.ndarray(num_rows, f"V{_SIZE.stop}", buffer, strides=(1,))
    return rows[offsets].view(np.uint8).reshape(len(offsets), _SIZE.stop)


def _digits(indices: np.ndarray) -> np.ndarray:
    """Return the keys of slots as ASCII digits, uint8 [N, 9]."""
    powers = 10 ** np.arange(_KEY_DIGITS - 1, -1, -1, dtype=np.int64)
    return (indices[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def _octal(digits: np.ndarray) -> np.ndarray:
    values = digits.astype(np.int64) - ord("0")
    if ((values < 0) | (values > 7)).any():
        raise CorruptShardError("the size in a tar header is not a number")
    return values @ 8 ** np.arange(digits.shape[1] - 1, -1, -1, dtype=np.int64)

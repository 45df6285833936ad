"""Encode and decode the members of a sample. Nothing is ever pickled or unpickled."""

import io
import json
import math
import re
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from pairgen.types import Facts, Field

# The header that NumPy writes for an array of numbers. Any other, such as objects, is refused.
_NPY_HEADER = re.compile(
    rb"\{'descr': '([<>|][biufc]\d{1,2})', 'fortran_order': (False|True), "
    rb"'shape': \(([\d, ]*)\), \} *\n"
)


def encode_field(value: Field) -> bytes:
    """Return the bytes of a member: `.npy` for an array, UTF-8 for text, encoded bytes as is."""
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, bytes):
        return value
    little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
    return _npy_header(little.dtype.str, little.shape) + little.tobytes()


def encode_facts(facts: Facts) -> bytes:
    """Return the `json` member. Key order is kept: hub viewers show columns in this order."""
    return json.dumps(dict(facts), ensure_ascii=False, allow_nan=False).encode("utf-8")


def decode_member(extension: str, data: bytes | memoryview) -> Any:
    """Return a member's content: array, facts, class, text, or the bytes of any other extension.

    Raises:
        ValueError: The bytes do not match the extension.
    """
    if extension.endswith("npy"):
        return decode_array(data)
    if extension.endswith("json"):
        return json.loads(bytes(data))
    if extension == "cls":
        return decode_class(data)
    if extension.endswith("txt"):
        return bytes(data).decode("utf-8")
    return bytes(data)


def decode_class(data: bytes | memoryview) -> int:
    """Return the class of a `cls` member, which consists of digits only.

    Raises:
        ValueError: The bytes are something else.
    """
    digits = bytes(data)
    if not re.fullmatch(rb"0|[1-9][0-9]{0,17}", digits):
        raise ValueError("not the digits of a class")
    return int(digits)


def decode_array(data: bytes | memoryview) -> np.ndarray:
    """Return the array of a `.npy` member, as a copy.

    Unlike `np.load`, it evaluates nothing, never allocates more than the data, and is as fast as
    the copy.

    Raises:
        ValueError: The bytes are not an array of numbers, or not a complete one.
    """
    prefix = bytes(data[:12])
    if len(prefix) < 12 or prefix[:6] != b"\x93NUMPY" or prefix[6] not in (1, 2):
        raise ValueError("not a .npy file")
    start = 10 if prefix[6] == 1 else 12
    end = start + int.from_bytes(prefix[8:start], "little")
    dtype, shape, order = _parse_npy_header(bytes(data[start:end]))
    num_bytes = dtype.itemsize * math.prod(shape)
    if len(data) - end != num_bytes:
        raise ValueError(f"{len(data) - end} bytes of data, its header says {num_bytes}")
    flat = np.frombuffer(data, dtype, offset=end)
    return flat.reshape(shape, order=order).copy(order="K")


@lru_cache(maxsize=256)
def _parse_npy_header(header: bytes) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"]]:
    match = _NPY_HEADER.fullmatch(header)
    if match is None:
        raise ValueError("its .npy header does not describe an array of numbers")
    descr, fortran_order, shape = (group.decode() for group in match.groups())
    try:
        dtype = np.dtype(descr)
    except TypeError:
        raise ValueError(f"there is no dtype {descr!r}") from None
    sizes = tuple(int(size) for size in shape.split(",") if size.strip())
    return dtype, sizes, "F" if fortran_order == "True" else "C"


@lru_cache(maxsize=256)
def _npy_header(descr: str, shape: tuple[int, ...]) -> bytes:
    # The header is the same for every sample of a dataset, and takes longer than copying the data.
    buffer = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()

"""Columns of an index as a page holds them, to filter and sort by."""

import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa

# JavaScript's own numbers are exact up to here; larger ones travel as text.
EXACT = 2**53


def column_data(name: str, column: pa.ChunkedArray) -> dict[str, Any]:
    """Return a column as JSON holds it: name, type (int, float, text, bool or other), values.

    Numbers that JSON has not, or that JavaScript would round, are texts. What is neither a number,
    a text nor true or false is a text of the type `other`, which can be read only.
    """
    kind, values = _type(column.type), column.to_pylist()
    shown: dict[str, Callable[[Any], Any]] = {"int": _integer, "float": _float, "other": str}
    convert = shown.get(kind)
    if convert is not None:
        values = [None if each is None else convert(each) for each in values]
    return {"name": name, "type": kind, "values": values}


def _type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind):
        return "int"
    if pa.types.is_floating(kind):
        return "float"
    return "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else "other"


def _integer(value: int) -> int | str:
    return value if abs(value) <= EXACT else str(value)


def _float(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)

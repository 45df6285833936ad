"""Types of the values that others may have written, and what is wrong with those that differ."""

import math
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from pairgen.untrusted.malformed import MalformedError, shown

MAX_INT64 = 2**63 - 1
MAX_DEPTH = 50

Count = Annotated[int, Field(ge=0, le=MAX_INT64)]
Number = Annotated[float, Field(allow_inf_nan=False)]
# Kept as it was written: a receipt's hash is that of its text.
IntOrFloat = Annotated[int, Field(ge=-MAX_INT64, le=MAX_INT64)] | Number
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,64}$")]


def fault_in(error: ValidationError) -> str:
    """Return the first thing that is wrong, as the end of a sentence."""
    first = error.errors(include_url=False, include_context=False)[0]
    # The names of a union's members say nothing to a reader.
    names = [str(each) for each in first["loc"] if not str(each).endswith(("]", ")"))]
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if first["type"] == "json_invalid":
        return message
    where = ".".join(names)[:100]
    if first["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {message}, got {shown(first['input'])}"


def check_plain(value: Any) -> Any:
    """Return a value if it is plain data that any file can hold.

    Raises:
        MalformedError: It is too deep, or holds NaN, a huge number or something that is no text,
            number, list or mapping.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        if not level:
            return value
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below += each
                below += each.values()
            elif isinstance(each, list | tuple):
                below += each
            else:
                _check_leaf(each)
        level = below
    raise MalformedError(f"it is more than {MAX_DEPTH} levels deep")


def _check_leaf(value: Any) -> None:
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int) and abs(value) <= 2**64:
        return
    if isinstance(value, float) and math.isfinite(value):
        return
    raise MalformedError(f"it holds {shown(value)}")

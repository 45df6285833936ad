"""Numbers of bytes as people write them: `500MB`, `2GiB`, `1000000`."""

import re
from typing import Any

from pairgen.config import quoted
from pairgen.errors import ConfigError

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
UNITS |= {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
SCHEMA: dict[str, Any] = {
    "type": ["integer", "string"],
    "minimum": 1,
    "pattern": "^[0-9]{1,15}(\\.[0-9]{1,9})? ?([kKmMgGtT]i?)?[bB]?$",
}
_WRITTEN = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*((?:[kmgt]i?)?)b?")


def check_bytes(name: str, value: Any) -> int:
    """Return a number of bytes.

    Raises:
        ConfigError: The value is not a number of bytes.
    """
    num_bytes = 0
    if isinstance(value, int) and not isinstance(value, bool):
        num_bytes = value
    elif isinstance(value, str) and (found := _WRITTEN.fullmatch(value.strip().lower())):
        number, unit = found.groups()
        num_bytes = round(float(number) * UNITS[unit])
    if num_bytes >= 1:
        return num_bytes
    raise ConfigError(
        f"{name} must be a number of bytes, such as 500MB or 2GiB, got {quoted(value)}."
    )

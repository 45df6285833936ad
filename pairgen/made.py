"""What a receipt may tell of how its shard was made, checked."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from pairgen.untrusted.malformed import MalformedError, shown
from pairgen.untrusted.typed import check_plain

# Types of what is known of how a shard was made, and the largest number.
_TEXT, _NUMBER = (str,), (int, float)
_MADE: Mapping[str, tuple[tuple[type, ...], float]] = {
    "batch_size": ((int,), 2**31),
    "cpu_threads": ((int,), 2**31),
    "process": ((int,), 2**63),
    "seconds": (_NUMBER, 1e12),
    # The end of the year 9999.
    "ended": (_NUMBER, 253402300799),
    "dtype": (_TEXT, 0),
    "device": (_TEXT, 0),
    "host": (_TEXT, 0),
    "code": (_TEXT, 0),
    "versions": ((dict,), 0),
}


def _check_made(made: dict[str, Any]) -> dict[str, Any]:
    for name, (kinds, largest) in _MADE.items():
        value = made.get(name, made)
        if value is made:
            continue
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise MalformedError(f"{name} is {shown(value)}")
        if isinstance(value, int | float) and not 0 <= value <= largest:
            raise MalformedError(f"{name} is {shown(value)}")
    check_plain(made)
    return made


Made = Annotated[dict[str, Any], AfterValidator(_check_made)]

"""A check of this machine."""

from dataclasses import dataclass

OK, MISSING, BROKEN = "ok", "missing", "broken"


@dataclass(frozen=True)
class Check:
    """What was found of one thing.

    Attributes:
        name: Of the thing.
        status: `ok`, `missing` (works without, with less) or `broken`.
        found: In words.
        remedy: What to do; empty when there is nothing to do.
        is_core: Whether pairgen does not work when it is not ok.
    """

    name: str
    status: str
    found: str
    remedy: str = ""
    is_core: bool = False

"""The result of one check of this machine."""

from dataclasses import dataclass

OK, MISSING, BROKEN = "ok", "missing", "broken"


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: Name of what was checked.
        status: `ok`, `missing` (pairgen works without it, but can do less) or `broken`.
        found: What was found, in words.
        remedy: What to do; empty if there is nothing to do.
        is_core: Whether pairgen cannot work unless this is ok.
    """

    name: str
    status: str
    found: str
    remedy: str = ""
    is_core: bool = False

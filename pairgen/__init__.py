"""pairgen builds the datasets that turn a slow diffusion model into a one-step student.

`pairgen.ode(...)`, `pairgen.degrade(...)`, `pairgen.sample(...)`, `pairgen.verify(...)`,
`pairgen.repair(...)` and `pairgen.replay(...)` are the commands of the same names. Importing the
package loads no torch, ray, diffusers or click.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = ["degrade", "ode", "repair", "replay", "sample", "verify"]

if TYPE_CHECKING:
    from pairgen.api import degrade, ode, repair, replay, sample, verify


def __dir__() -> list[str]:
    """Return the commands too, though they are loaded late."""
    return sorted([*globals(), *__all__])


def __getattr__(name: str) -> Any:
    """Load the API with torch behind it when it is first used."""
    if name in __all__:
        from pairgen import api

        return getattr(api, name)
    raise AttributeError(f"module 'pairgen' has no attribute {name!r}")

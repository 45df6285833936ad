"""Options of a command that also takes those of a member of a family, such as an annotator's.

One field holds them as a mapping. Each of its entries has a flat name of its own, `options.low`, by
which sources are combined and `--set` names it; the member checks the values.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pairgen.config import mapping
from pairgen.options import Options


class MemberOptions(Options):
    """Base of such options.

    Class Attributes:
        held: Name of the field that holds the member's options.
    """

    held: ClassVar[str] = "options"

    @classmethod
    def flattened(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return every option under one name: `model`, `options.low`."""
        own = mapping(cls.held, given.get(cls.held))
        others = {name: value for name, value in given.items() if name != cls.held}
        return {**{f"{cls.held}.{name}": value for name, value in own.items()}, **others}

    @classmethod
    def check(cls, name: str, value: Any, called: str = "") -> Any:
        """Return the checked value of one option; the member checks its own."""
        return value if cls.is_held(name) else super().check(name, value, called)

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """Build the options from values returned by `flattened`."""
        own = {
            name.removeprefix(f"{cls.held}."): value
            for name, value in values.items()
            if cls.is_held(name)
        }
        others = {name: value for name, value in values.items() if not cls.is_held(name)}
        return cls(**others, **{cls.held: own})

    @classmethod
    def is_held(cls, name: str) -> bool:
        """Whether a flat name is that of an option of the member."""
        return name.startswith(f"{cls.held}.")

"""Rules that only options of operations use; see `pairgen.rules`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pairgen.config import quoted
from pairgen.degradations.base import check_choices, check_probability, check_range
from pairgen.errors import ConfigError
from pairgen.rules import Number, Rule


@dataclass(frozen=True)
class Range(Rule):
    """Two numbers, lowest <= low <= high <= highest."""

    lowest: float = 0.0
    highest: float = math.inf

    accepts = "Sequence[float]"

    def read(self, name: str, value: Any) -> tuple[float, float]:
        """Return the value as (low, high)."""
        return check_range(name, value, self.lowest, self.highest)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        highest = {"maximum": self.highest} if math.isfinite(self.highest) else {}
        return two_of({"type": "number", "minimum": self.lowest, **highest})


@dataclass(frozen=True)
class RangeAroundOne(Range):
    """A range that contains 1."""

    def read(self, name: str, value: Any) -> tuple[float, float]:
        """Return the value as (low, high)."""
        low, high = super().read(name, value)
        if not low <= 1 <= high:
            raise ConfigError(f"{name} must be a range around 1, got {quoted(value)}.")
        return low, high


@dataclass(frozen=True)
class Line(Rule):
    """A constant, and a slope in the scale."""

    accepts = "Sequence[float]"

    def read(self, name: str, value: Any) -> tuple[float, float]:
        """Return the value as (constant, slope)."""
        fine = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
        if not fine or any(not isinstance(v, int | float) or not 0 <= v < math.inf for v in value):
            raise ConfigError(
                f"{name} must be [constant, slope], two numbers >= 0, got {quoted(value)}."
            )
        return float(value[0]), float(value[1])

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return two_of({"type": "number", "minimum": 0})


@dataclass(frozen=True)
class Probability(Rule):
    """A number in [0, 1]."""

    accepts = "float"

    def read(self, name: str, value: Any) -> float:
        """Return the value as a float."""
        return check_probability(name, value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return {"type": "number", "minimum": 0, "maximum": 1}


@dataclass(frozen=True)
class Recorded(Number):
    """A number in [low, high] that is recorded as given: an integer stays an int."""

    def read(self, name: str, value: Any) -> float:
        """Return the value."""
        number = super().read(name, value)
        return value if isinstance(value, int) else number


@dataclass(frozen=True)
class Whole(Rule):
    """An integer in [low, high]; text is not converted."""

    low: int
    high: int

    accepts = "int"

    def read(self, name: str, value: Any) -> int:
        """Return the value."""
        if not is_whole(value) or not self.low <= value <= self.high:
            raise ConfigError(
                f"{name} must be a whole number from {self.low} to {self.high}, "
                f"got {quoted(value)}."
            )
        return int(value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Sizes(Rule):
    """Odd kernel sizes in pixels, at least one."""

    accepts = "Sequence[int]"

    def read(self, name: str, value: Any) -> tuple[int, ...]:
        """Return the sizes."""
        fine = isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 0
        if not fine or any(not is_whole(k) or k % 2 == 0 or not 1 <= k < 100 for k in value):
            raise ConfigError(
                f"{name} must be odd whole numbers from 1 to 99, got {quoted(value)}."
            )
        return tuple(value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return {"type": "array", "items": odd_schema(), "minItems": 1}


@dataclass(frozen=True)
class Some(Rule):
    """Words from a list, at least one; repeats are allowed."""

    known: Sequence[str]

    @property
    def accepts(self) -> str:
        """Python annotation of what a call may pass."""
        return f"Sequence[Literal[{', '.join(map(repr, self.known))}]]"

    def read(self, name: str, value: Any) -> tuple[str, ...]:
        """Return the words."""
        return check_choices(name, value, self.known)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return {"type": "array", "items": {"enum": list(self.known)}, "minItems": 1}


def is_whole(value: Any) -> bool:
    """Return whether a value is an integer; true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def odd_schema() -> dict[str, Any]:
    """Return the JSON Schema of an odd number below 100."""
    return {"enum": list(range(1, 100, 2))}


def two_of(one: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a list of two values."""
    return {"type": "array", "items": one, "minItems": 2, "maxItems": 2}

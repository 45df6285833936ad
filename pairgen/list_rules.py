"""Rules for options that hold several values; see `pairgen.rules`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.rules import Rule


@dataclass(frozen=True)
class Places(Rule):
    """Any number of places, or one.

    Attributes:
        what: Description of the values, for error messages; empty to name the entry instead.
        if_empty: Advice for empty texts, as for `Text`.
    """

    what: str = ""
    if_empty: str = ""

    metavar = "DIR|URL"
    accepts = "str | Path | Sequence[str | Path]"

    def read(self, name: str, value: Any) -> tuple[str, ...]:
        """Return one or several strings or paths as texts."""
        values = value if isinstance(value, list | tuple) else [value]
        if self.if_empty and "" in values:
            raise ConfigError(f"{name} must not be empty: {self.if_empty}.")
        if any(not isinstance(each, str | Path) for each in values) and self.what:
            raise ConfigError(f"{name} must be {self.what}, got {config.quoted(value)}.")
        return tuple(config.text(name, each) for each in values)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return one_or_several({"type": "string", **({"minLength": 1} if self.if_empty else {})})


@dataclass(frozen=True)
class Named(Places):
    """Any number of `NAME=VALUE`, or one; each name once."""

    metavar = "NAME=VALUE"
    accepts = "str | Sequence[str]"

    def read(self, name: str, value: Any) -> tuple[str, ...]:
        """Return the entries as texts; see `named_values`."""
        entries = super().read(name, value)
        seen: set[str] = set()
        for entry in entries:
            key, is_named, rest = entry.partition("=")
            if not (key.strip() and is_named and rest.strip()):
                raise ConfigError(f"{name} must be NAME=VALUE, got {config.quoted(entry)}.")
            if key in seen:
                raise ConfigError(f"{name} holds the name {key!r} twice.")
            seen.add(key)
        return entries

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the entries."""
        return one_or_several({"type": "string", "pattern": "[^=]=."})


def named_values(entries: Sequence[str]) -> dict[str, str]:
    """Return the values of `NAME=VALUE` by their names."""
    return {name: value for name, _, value in (entry.partition("=") for entry in entries)}


@dataclass(frozen=True)
class Numbers(Rule):
    """Floats in [low, high], each once: a list, one number, or text such as `3,8`.

    Attributes:
        low: Smallest allowed value.
        high: Largest allowed value.
        at_least_one: Name of a value, if at least one is required; empty to allow none.
        falling: Whether to sort them in descending order.
    """

    low: float
    high: float
    at_least_one: str = ""
    falling: bool = False

    metavar = "X[,X...]"
    accepts = "float | str | Sequence[float]"

    def read(self, name: str, value: Any) -> tuple[float, ...]:
        """Return the values as floats."""
        numbers = config.numbers(name, value, self.low, self.high)
        if self.at_least_one and not numbers:
            raise ConfigError(f"{name} needs at least one {self.at_least_one}.")
        return tuple(sorted(numbers, reverse=True)) if self.falling else numbers

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        number = {"type": "number", "minimum": self.low, "maximum": self.high}
        not_empty = bool(self.at_least_one)
        return one_or_several(number, as_text=True, each_once=True, not_empty=not_empty)


@dataclass(frozen=True)
class Each(Rule):
    """Values of one rule: a list, one value, or text such as `10,20`.

    Attributes:
        rule: Rule of every entry.
        at_least_one: Whether at least one entry is required.
        once: Whether each value may occur only once.
    """

    rule: Rule
    at_least_one: bool = True
    once: bool = True

    @property
    def metavar(self) -> str:
        """The placeholder of the value on a help page."""
        return f"{self.rule.metavar}[,...]"

    @property
    def accepts(self) -> str:
        """The Python annotation of the values that a call accepts."""
        one = self.rule.accepts
        return f"{one} | Sequence[{one}]" if one == "str" else f"{one} | str | Sequence[{one}]"

    def read(self, name: str, value: Any) -> tuple[Any, ...]:
        """Return the entries."""
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        given = tuple(value) if isinstance(value, list | tuple) else (value,)
        if self.at_least_one and not given:
            raise ConfigError(f"{name} must not be empty.")
        entries = tuple(self.rule.read(name, each) for each in given)
        if self.once and len(set(entries)) < len(entries):
            raise ConfigError(f"{name} holds a value twice: {', '.join(map(str, entries))}.")
        return entries

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return one_or_several(
            self.rule.schema(), as_text=True, each_once=self.once, not_empty=self.at_least_one
        )


@dataclass(frozen=True)
class Span(Rule):
    """Two integers, lowest <= start < stop <= highest, a half-open range: a list, or text `10,20`.

    Attributes:
        lowest: Smallest allowed start.
        highest: Largest allowed stop.
    """

    lowest: int
    highest: int

    metavar = "START,STOP"
    accepts = "str | Sequence[int]"

    def read(self, name: str, value: Any) -> tuple[int, int]:
        """Return the value as (start, stop)."""
        values = value.split(",") if isinstance(value, str) else value
        if not isinstance(values, list | tuple) or len(values) != 2:
            raise ConfigError(
                f"{name} must be two integers [start, stop], got {config.quoted(value)}."
            )
        start, stop = (
            config.integer(f"Each of {name}", each, self.lowest, self.highest) for each in values
        )
        if start >= stop:
            raise ConfigError(
                f"{name} must be [start, stop] with start < stop, got {config.quoted(value)}."
            )
        return start, stop

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        one = {"type": "integer", "minimum": self.lowest, "maximum": self.highest}
        pair = {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
        return {"anyOf": [pair, {"type": "string", "pattern": r"^\s*\d+\s*,\s*\d+\s*$"}]}


def one_or_several(
    one: dict[str, Any], *, as_text: bool = False, each_once: bool = False, not_empty: bool = False
) -> dict[str, Any]:
    """Return the JSON Schema of one value or a list of them.

    Args:
        one: The schema of one value.
        as_text: Whether text such as `3,8` is allowed too.
        each_once: Whether no value may be there twice.
        not_empty: Whether the list must hold a value.
    """
    several = {
        "type": "array",
        "items": one,
        **({"minItems": 1} if not_empty else {}),
        **({"uniqueItems": True} if each_once else {}),
    }
    text = [{"type": "string"}] if as_text and one.get("type") != "string" else []
    return {"anyOf": [one, several, *text]}

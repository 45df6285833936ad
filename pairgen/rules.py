"""Rules that the values of options follow.

A rule is part of the annotation of a field (`steps: Annotated[int, Integer(1), ...]`). It defines
how a value is read and checked, its placeholder on a help page, the types that a Python call
accepts, and its JSON Schema.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BeforeValidator, ValidationInfo

from pairgen import config
from pairgen.errors import ConfigError


@dataclass(frozen=True)
class Rule:
    """Base of all rules."""

    @property
    def metavar(self) -> str:
        """The placeholder of the value on a help page; empty for a switch."""
        return "VALUE"

    @property
    def accepts(self) -> str:
        """The Python annotation of the values that a call accepts."""
        return "Any"

    def read(self, name: str, value: Any) -> Any:
        """Return the value as the option stores it.

        Raises:
            ConfigError: The value is not allowed; the message starts with `name`.
        """
        del name
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return {}

    def _validate(self, value: Any, info: ValidationInfo) -> Any:
        return self.read(str(info.field_name), value)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return BeforeValidator(self._validate).__get_pydantic_core_schema__(source, handler)


@dataclass(frozen=True)
class Integer(Rule):
    """An integer in [low, high].

    Attributes:
        low: Smallest value.
        high: Largest value; None for no limit.
        unset: Value of an option that was not given. Options hold it, but a user cannot give it:
            a script that computed 0 does not ask for the default.
    """

    low: int
    high: int | None = None
    unset: int | None = None

    metavar = "N"
    accepts = "int"

    def read(self, name: str, value: Any) -> int:
        """Return the value as an integer."""
        return config.integer(name, value, self.low, self.high)

    def _validate(self, value: Any, info: ValidationInfo) -> Any:
        # Options that are made of others pass on what nobody gave.
        is_unset = type(value) is int and value == self.unset
        return value if is_unset else super()._validate(value, info)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        maximum = {} if self.high is None else {"maximum": self.high}
        return {"type": "integer", "minimum": self.low, **maximum}


# Datasets store seeds as JSON, which must fit into 63 bits.
SEED = Integer(0, 2**63 - 1)


@dataclass(frozen=True)
class Number(Rule):
    """A finite float in [low, high]."""

    low: float
    high: float

    metavar = "X"
    accepts = "float"

    def read(self, name: str, value: Any) -> float:
        """Return the value as a float."""
        return config.number(name, value, self.low, self.high)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class OrNone(Rule):
    """A value that another rule allows, or None.

    Attributes:
        rule: The other rule.
    """

    rule: Rule

    @property
    def metavar(self) -> str:
        """The placeholder of the value on a help page."""
        return self.rule.metavar

    @property
    def accepts(self) -> str:
        """The Python annotation of the values that a call accepts."""
        return f"{self.rule.accepts} | None"

    def read(self, name: str, value: Any) -> Any:
        """Return None, or what the other rule returns."""
        return None if value is None else self.rule.read(name, value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return {"anyOf": [self.rule.schema(), {"type": "null"}]}


@dataclass(frozen=True)
class Choice(Rule):
    """One of several words."""

    known: Sequence[str]
    or_empty: bool = False

    @property
    def metavar(self) -> str:
        """The placeholder of the value on a help page."""
        return "|".join(self.known)

    @property
    def accepts(self) -> str:
        """The Python annotation of the values that a call accepts."""
        return f"Literal[{', '.join(map(repr, self._words))}]"

    @property
    def _words(self) -> list[str]:
        return [*self.known, *([""] if self.or_empty else [])]

    def read(self, name: str, value: Any) -> str:
        """Return the value if it is one of the words."""
        if self.or_empty and value == "":
            return ""
        if value is False and "off" in self.known:
            # What YAML makes of the word.
            return "off"
        return config.choice(name, value, self.known)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return {"enum": self._words}


@dataclass(frozen=True)
class Switch(Rule):
    """True or false."""

    metavar = ""
    accepts = "bool"

    def read(self, name: str, value: Any) -> bool:
        """Return the value if it is true or false."""
        return config.boolean(name, value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Text(Rule):
    """Text.

    Attributes:
        if_empty: Advice for an empty text, which is then an error: a script with an unset variable
            passes one without asking for the default. Empty to allow empty texts.
    """

    if_empty: str = ""

    metavar = "TEXT"
    accepts = "str"

    def read(self, name: str, value: Any) -> str:
        """Return a string or path as text."""
        text = config.text(name, value)
        if self.if_empty and not text:
            raise ConfigError(f"{name} must not be empty: {self.if_empty}.")
        return text

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return {"type": "string", "minLength": 1} if self.if_empty else {"type": "string"}


@dataclass(frozen=True)
class Place(Text):
    """A path, a URL, or a name that leads to one."""

    metavar = "DIR|URL"
    accepts = "str | Path"


@dataclass(frozen=True)
class Checked(Rule):
    """A value that a function checks, for options that no other rule covers.

    Attributes:
        check: Takes the option's name and the value, and returns the value that the option stores.
        as_schema: JSON Schema of the values.
        as_python: Python annotation of the values that a call accepts.
    """

    check: Callable[[str, Any], Any]
    as_schema: dict[str, Any]
    as_python: str

    @property
    def accepts(self) -> str:
        """The Python annotation of the values that a call accepts."""
        return self.as_python

    def read(self, name: str, value: Any) -> Any:
        """Return the checked value."""
        return self.check(name, value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values."""
        return self.as_schema

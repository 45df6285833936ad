"""Rules of options that hold operations, which are kept as the preset writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairgen.config import quoted
from pairgen.errors import ConfigError
from pairgen.rules import Rule


@dataclass(frozen=True)
class Items(Rule):
    """Operations, kept as a preset writes them."""

    accepts = "Sequence[str | Mapping[str, Any]]"

    def read(self, name: str, value: Any) -> Sequence[Any]:
        """Return the list."""
        del name
        return _listed("operations must be", value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values, for any operations."""
        return {"type": "array", "items": {"type": ["string", "object"]}}


@dataclass(frozen=True)
class Choices(Items):
    """Operations, each with a probability."""

    accepts = "Sequence[Mapping[str, Any]]"

    def read(self, name: str, value: Any) -> Sequence[Any]:
        """Return the list."""
        choices = _listed(f"{name} must be", value)
        for choice in choices:
            if not isinstance(choice, Mapping) or "probability" not in choice:
                raise ConfigError(
                    "A choice must be {probability: p, name: {option: value}}, "
                    f"got {quoted(choice)}."
                )
        return choices

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values, for any operations."""
        return {"type": "array", "items": {"type": "object", "required": ["probability"]}}


@dataclass(frozen=True)
class Groups(Items):
    """Lists of operations."""

    accepts = "Sequence[Sequence[str | Mapping[str, Any]]]"

    def read(self, name: str, value: Any) -> Sequence[Any]:
        """Return the lists."""
        return _listed(f"{name} must be", value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values, for any operations."""
        return {"type": "array", "items": Items().schema()}


def _listed(prefix: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(f"{prefix} a list, got {quoted(value)}.")
    return value

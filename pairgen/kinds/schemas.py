"""Building blocks of the JSON Schemas for the files that users write."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pairgen.options import Declared
from pairgen.rules import Rule

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Matches the dotted name of a user's own module.
DOTTED = r"^[^\W\d]\w*(\.[^\W\d]\w*)+$"


def properties(
    options: Iterable[Declared], schema: Callable[[Rule], Mapping[str, Any]] = lambda r: r.schema()
) -> dict[str, Any]:
    """Return the JSON Schema of each option, by its name.

    Args:
        options: The declared options.
        schema: Function that returns the JSON Schema of the values that a rule allows.
    """
    return {
        each.name: {**schema(each.rule), "description": _description(each), **_default(each)}
        for each in options
    }


def closed(members: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the JSON Schema of a mapping with these members and no others.

    Args:
        members: Mapping from a member's name to its JSON Schema.
        **more: Other JSON Schema keywords.
    """
    return {"type": "object", "properties": dict(members), "additionalProperties": False, **more}


def or_nothing(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a value that may be left empty, as `options:` alone in YAML."""
    return {"anyOf": [dict(schema), {"type": "null"}]}


def _description(option: Declared) -> str:
    # A default in words is not a value, so it belongs to the description.
    return option.shown_help if option.option.default else option.option.help


def _default(option: Declared) -> dict[str, Any]:
    value = option.default
    # The help describes it in words, or it only means that nothing is given.
    if option.option.default or value in (None, "", (), {}):
        return {}
    return {"default": list(value) if isinstance(value, tuple) else value}

"""Parts of the JSON Schemas of files that users write."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pairgen.options import Declared
from pairgen.rules import Rule

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# The name of a user's own module.
DOTTED = r"^[^\W\d]\w*(\.[^\W\d]\w*)+$"


def properties(
    options: Iterable[Declared], schema: Callable[[Rule], Mapping[str, Any]] = lambda r: r.schema()
) -> dict[str, Any]:
    """Return the JSON Schema of each option, by its name.

    Args:
        options: As declared.
        schema: Gives the JSON Schema of what a rule allows.
    """
    return {
        each.name: {**schema(each.rule), "description": _description(each), **_default(each)}
        for each in options
    }


def closed(members: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the JSON Schema of a mapping that holds these members and no others.

    Args:
        members: Name to JSON Schema.
        **more: Other keywords of JSON Schema.
    """
    return {"type": "object", "properties": dict(members), "additionalProperties": False, **more}


def or_nothing(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a value that may be left empty, as `options:` alone in YAML."""
    return {"anyOf": [dict(schema), {"type": "null"}]}


def _description(option: Declared) -> str:
    # Words that stand for a default are no value: they are told here.
    return option.shown_help if option.option.default else option.option.help


def _default(option: Declared) -> dict[str, Any]:
    value = option.default
    # The value only says that nothing was given.
    if option.option.default or value in (None, "", (), {}):
        return {}
    return {"default": list(value) if isinstance(value, tuple) else value}

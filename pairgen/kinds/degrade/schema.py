"""The JSON Schema of a degradation preset, built from the available operations."""

from collections.abc import Mapping
from typing import Any

from pairgen import plugins
from pairgen.degradations._item_rules import Choices, Groups, Items
from pairgen.kinds.schemas import DIALECT, DOTTED, closed, or_nothing, properties
from pairgen.options import declared
from pairgen.rules import Rule

# Names of definitions; names of operations never start with an underscore.
OPERATION, OPERATIONS, CHOICE = "_operation", "_operations", "_choice"


def preset_schema() -> dict[str, Any]:
    """Return the JSON Schema of a file in `configs/degradations/`.

    It allows pairgen's own operations, whose options are known, and a user's, whose names have a
    dot.
    """
    names = plugins.members("degradations")
    named = {name: _reference(name) for name in names}
    # The options of a user's own operation are not checked here.
    own = {"patternProperties": {DOTTED: {"type": ["object", "null"]}}}
    mapping = closed(named, **own, minProperties=1, maxProperties=1)
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "$schema": DIALECT,
        "title": "A degradation preset of pairgen",
        **closed(
            {
                "shared": {
                    **or_nothing(_reference(OPERATIONS)),
                    "description": "Operations run once per sample, at the size of HR.",
                },
                "levels": {
                    **_reference(OPERATIONS),
                    "minItems": 1,
                    "description": "Operations run once per level, ending at its size.",
                },
                "nested": {
                    **_reference(OPERATIONS),
                    "minItems": 1,
                    "description": "Operations that make a level from the one of twice its size, "
                    "with --nested.",
                },
            },
            required=["levels"],
        ),
        "$defs": {
            OPERATIONS: {"type": "array", "items": _reference(OPERATION)},
            OPERATION: {"anyOf": [mapping, {"enum": names}, {"type": "string", "pattern": DOTTED}]},
            CHOICE: closed(
                {"probability": probability, **named},
                **own,
                required=["probability"],
                minProperties=2,
                maxProperties=2,
            ),
            **{name: or_nothing(_options_of(name)) for name in names},
        },
    }


def _options_of(name: str) -> dict[str, Any]:
    operation = plugins.load("degradations", name).build
    return closed(properties(declared(operation), _schema_of))


def _schema_of(rule: Rule) -> Mapping[str, Any]:
    """Return the JSON Schema of an option, which may contain operations."""
    if isinstance(rule, Choices):
        return {"type": "array", "items": _reference(CHOICE)}
    if isinstance(rule, Groups):
        return {"type": "array", "items": _reference(OPERATIONS)}
    return _reference(OPERATIONS) if isinstance(rule, Items) else rule.schema()


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}

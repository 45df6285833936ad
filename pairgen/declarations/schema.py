"""JSON Schemas of `pairgen.yaml`, of recipes in `configs/train/` and of files of clusters.

A schema requires no key: options that a file leaves out come from the command line or a default.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pairgen.config import COMMANDS
from pairgen.declarations.commands import (
    CLUSTER_KINDS,
    OPTIONS_OF,
    annotator_options,
    method_options,
)
from pairgen.kinds import schemas
from pairgen.options import Options, declared
from pairgen.training.options import TrainConfig
from pairgen.training.player_options import NetworkConfig, PlayerConfig

Schema = dict[str, Any]

PLAYER = {"$ref": "#/$defs/player"}


def project_schema() -> Schema:
    """Return the schema of `pairgen.yaml`: one section per command, or options of one command."""
    sections = {name: {"$ref": f"#/$defs/{name}"} for name in COMMANDS}
    return {
        "$schema": schemas.DIALECT,
        "title": "pairgen.yaml",
        "description": "Options of one command, or a section for each command.",
        "properties": sections,
        # As in `pairgen.config`: if one key is the name of a section, all keys must be.
        "if": {"anyOf": [{"required": [name]} for name in COMMANDS]},
        "then": {"properties": dict.fromkeys(COMMANDS, True), "additionalProperties": False},
        "else": {"$ref": "#/$defs/options"},
        "$defs": {
            **{name: _section(name) for name in COMMANDS},
            "options": _options_of_one_command(),
            **_player_definitions(),
        },
    }


def recipe_schema() -> Schema:
    """Return the schema of the recipes of methods."""
    return {
        "$schema": schemas.DIALECT,
        "title": "Recipe of a method",
        **schemas.closed(_train_properties(), patternProperties=_of_players()),
        "$defs": _player_definitions(),
    }


def cluster_schema() -> Schema:
    """Return the schema of the files of `pairgen cluster` that are in pairgen's own format."""
    kinds = {
        kind: schemas.closed({"kind": {"const": kind}, **_properties(options)}, required=["kind"])
        for kind, options in CLUSTER_KINDS.items()
    }
    return {
        "$schema": schemas.DIALECT,
        "title": "A cluster",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds],
        "$defs": kinds,
    }


def any_of(schemas: Iterable[Schema]) -> Schema:
    """Return the schema of values that match one of several schemas."""
    different: list[Schema] = []
    for schema in schemas:
        if schema not in different:
            different.append(schema)
    return different[0] if len(different) == 1 else {"anyOf": different}


def _properties(options: type[Options]) -> dict[str, Schema]:
    return schemas.properties(declared(options))


def _section(command: str) -> Schema:
    """Return the schema of the options of one command, whose names may be written with `-`."""
    is_train = command == "train"
    properties = _properties_of(command)
    patterns = _with_dashes(properties, f"#/$defs/{command}/properties/")
    patterns |= _of_players() if is_train else {}
    schema = schemas.closed(properties, patternProperties=patterns)
    return {
        "description": f"Options of `pairgen {command}`.",
        **schema,
        # An empty section is allowed.
        "type": ["object", "null"],
    }


def _options_of_one_command() -> Schema:
    """Return the schema of a file without sections, which may hold options of any command."""
    properties: dict[str, Schema] = {}
    for name in dict.fromkeys(name for command in COMMANDS for name in _keys(command)):
        commands = [command for command in COMMANDS if name in _keys(command)]
        properties[name] = any_of(
            {"$ref": f"#/$defs/{command}/properties/{name}"} for command in commands
        )
    patterns = _with_dashes(properties, "#/$defs/options/properties/")
    return schemas.closed(properties, patternProperties={**patterns, **_of_players()})


def _keys(command: str) -> Iterable[str]:
    return _properties_of(command)


def _properties_of(command: str) -> dict[str, Schema]:
    """Return the options of a command, and those of what it runs."""
    if command == "train":
        return _train_properties()
    own = _of_any(annotator_options()) if command == "annotate" else {}
    return {**own, **_properties(OPTIONS_OF[command])}


def _of_any(family: Mapping[str, type[Options]]) -> dict[str, Schema]:
    """Return the options that a member of a family has."""
    each_of = [_properties(options) for options in family.values()]
    names = dict.fromkeys(name for properties in each_of for name in properties)
    return {
        name: any_of(properties[name] for properties in each_of if name in properties)
        for name in names
    }


def _train_properties() -> dict[str, Schema]:
    """Return the options of a training and those of every built-in method."""
    own = _of_any(method_options())
    shared = _properties(TrainConfig)
    shared["players"]["additionalProperties"] = {"anyOf": [PLAYER, {"type": "null"}]}
    return {**own, **shared}


def _player_definitions() -> dict[str, Schema]:
    """Return the schemas of a player, whose other keys name its networks, and of a network."""
    player = schemas.closed(_properties(PlayerConfig))
    return {
        "player": {**player, "additionalProperties": {"$ref": "#/$defs/network"}},
        "network": schemas.closed(_properties(NetworkConfig)),
    }


def _of_players() -> dict[str, Schema]:
    """Return the schemas of `critic.lr` and `student.unet.lora_rank`, by the pattern of the key."""
    return {
        rf"^[^.]+\.{_either_way(name)}$": {"$ref": f"#/$defs/player/properties/{name}"}
        for name in PlayerConfig.model_fields
    } | {
        rf"^[^.]+\.[^.]+\.{_either_way(name)}$": {"$ref": f"#/$defs/network/properties/{name}"}
        for name in NetworkConfig.model_fields
    }


def _with_dashes(names: Iterable[str], pointer: str) -> dict[str, Schema]:
    """Return the schemas of names with an underscore, by a pattern that also allows dashes."""
    return {f"^{_either_way(name)}$": {"$ref": pointer + name} for name in names if "_" in name}


def _either_way(name: str) -> str:
    return re.escape(name).replace("_", "[-_]")

"""Read the configs of a model: every value has the type that its class declares.

One rule for all files: a key that the class's `__init__` takes is checked against its annotation
(or has the type of its default, where a library annotates another), a missing one is the class's
default, as diffusers and transformers take it. Other keys stay as they are.
"""

import inspect
import json
import math
import types
import typing
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Literal, Union

from transformers import CLIPTextConfig

from pairgen.errors import TeacherLoadError
from pairgen.teachers._pretrained.files import Snapshot, read_json

NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
MAX_SHOWN = 60


def read_config(snapshot: Snapshot, name: str, cls: type) -> dict[str, Any]:
    """Read the config of a network or scheduler.

    Args:
        snapshot: A snapshot from `find_snapshot`.
        name: Path of the file inside it.
        cls: The class that the values are for.

    Raises:
        TeacherLoadError: The file is missing or no JSON, or a value is of a wrong type.
    """
    return checked(snapshot.location, name, read_json(snapshot, name), cls)


def checked(location: str, name: str, values: Mapping[str, Any], cls: type) -> dict[str, Any]:
    """Return the values of a config with the defaults of a class, see `read_config`."""
    found = dict(values)
    for key, (hint, default) in _declared(cls).items():
        if key not in values:
            found[key] = default
        elif not (_fits(values[key], hint) or _fits(values[key], type(default))):
            refuse(location, name, key, values[key], _described(hint))
    if values.get("quantization_config") is not None:
        refuse(location, name, "quantization_config", values["quantization_config"], "left out")
    kernel = values.get("attn_implementation", values.get("_attn_implementation"))
    # Names of the hub are code that the library would fetch.
    if isinstance(kernel, str) and "/" in kernel:
        refuse(location, name, "attn_implementation", kernel, "left out")
    return found


def read_network(snapshot: Snapshot, name: str, cls: type) -> dict[str, Any]:
    """Read the config of a diffusers network, which must be of a class.

    Raises:
        TeacherLoadError: See `read_config`, or it is of another class.
    """
    config = read_config(snapshot, name, cls)
    written = config.get("_class_name", cls.__name__)
    if written != cls.__name__:
        refuse(snapshot.location, name, "_class_name", written, f"{cls.__name__!r}")
    return config


def read_text_encoder(snapshot: Snapshot, name: str) -> dict[str, Any]:
    """Read the config of a CLIP text encoder, which may be a part of a whole CLIP's.

    Raises:
        TeacherLoadError: See `read_config`, or it is of another model.
    """
    values = read_json(snapshot, name)
    kind = values.get("model_type", "clip_text_model")
    if kind == "clip" and isinstance(values.get("text_config"), dict):
        values = values["text_config"]
    elif kind not in ("clip", "clip_text_model"):
        refuse(snapshot.location, name, "model_type", kind, "'clip_text_model'")
    return checked(snapshot.location, name, values, CLIPTextConfig)


def read_index(snapshot: Snapshot, parts: Mapping[str, Collection[str]]) -> dict[str, Any]:
    """Read `model_index.json`.

    Args:
        snapshot: A snapshot from `find_snapshot`.
        parts: The classes that each part may have, by its name there.

    Raises:
        TeacherLoadError: The file is missing or no JSON, or names a pipeline or a part with code of
            its own, or a part of another class.
    """
    name, location = "model_index.json", snapshot.location
    index = read_json(snapshot, name)
    pipeline = index.get("_class_name")
    if pipeline is not None and not isinstance(pipeline, str):
        refuse(location, name, "_class_name", pipeline, "text: code of a model is never run")
    for part, classes in parts.items():
        if part not in index:
            continue
        entry = index[part]
        known = isinstance(entry, list) and len(entry) == 2
        if not known or entry[0] not in ("diffusers", "transformers"):
            refuse(location, name, part, entry, "a class of diffusers or transformers")
        if classes and entry[1] not in classes:
            refuse(location, name, part, entry[1], " or ".join(classes))
    return index


def refuse(location: str, name: str, key: str, value: Any, wanted: str) -> typing.NoReturn:
    """Refuse a value of a config.

    Raises:
        TeacherLoadError: Always.
    """
    shown = json.dumps(value, default=str)
    shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
    raise TeacherLoadError(f"{location}: {key} in {name} must be {wanted}, got {shown}.")


def defaults(cls: type) -> dict[str, Any]:
    """Return the defaults of a class's arguments."""
    return {key: default for key, (_, default) in _declared(cls).items()}


@cache
def _declared(cls: type) -> dict[str, tuple[Any, Any]]:
    """Return annotation and default of each argument of a class."""
    init: Any = cls.__init__  # type: ignore[misc]
    # Text where a class postpones its annotations, as those of transformers that are not its own.
    return {
        each.name: (Any if isinstance(each.annotation, str) else each.annotation, each.default)
        for each in inspect.signature(init).parameters.values()
        if each.default is not inspect.Parameter.empty
    }


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of JSON is of an annotated type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is Literal:
        # Which texts are known is told where they are used.
        return isinstance(value, str)
    if (origin or hint) in (tuple, list):
        elements = [each for each in arguments if each is not Ellipsis] or [Any]
        return isinstance(value, list) and all(
            any(_fits(each, element) for element in elements) for each in value
        )
    if hint is bool:
        # Published configs hold null for what is off.
        return value is None or isinstance(value, bool)
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    if hint is int:
        return type(value) is int
    if hint is str:
        return isinstance(value, str)
    if hint is types.NoneType:
        return value is None
    # Nothing is known of the others, but that JSON holds no arrays.
    return getattr(hint, "__module__", "") != "numpy"


def _described(hint: Any) -> str:
    """Return what a value of an annotated type is, in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        words = [_described(each) for each in arguments]
        return " or ".join(dict.fromkeys(word for word in words if word))
    if (origin or hint) in (tuple, list):
        return "a list"
    if hint is types.NoneType:
        return "null"
    return NAMES.get(hint, "text" if origin is Literal else "")

"""Packaged presets that were other operations in an earlier version.

A set keeps the operations of its plan. So the command that made it, which names the preset, must
still mean those.
"""

from collections.abc import Mapping
from typing import Any

from pairgen.config import packaged_configs
from pairgen.kinds.degrade.nested import choose_operations
from pairgen.kinds.degrade.pyramid import Preset, read_preset

# The name of today for what a name stood for.
BEFORE = {name: f"{name}-aligned" for name in ("realesrgan", "realesrgan-light", "osediff")}


def is_earlier(asked: Preset, recipe: Mapping[str, Any], nested: bool) -> bool:
    """Return whether a set was made with what the asked preset was in an earlier version.

    Args:
        asked: The preset that a command names.
        recipe: The recipe of the set's plan.
        nested: Whether the command asks for nested levels.
    """
    before = BEFORE.get(asked.name)
    if before is None or recipe["degradation"] != asked.name:
        return False
    if asked.recipe != _packaged(asked.name):
        # A file of the user's own, by the same name.
        return False
    return bool(recipe["operations"] == choose_operations(_packaged(before), nested))


def _packaged(name: str) -> Mapping[str, Any]:
    return read_preset(packaged_configs() / "degradations" / f"{name}.yaml").recipe

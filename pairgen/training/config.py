"""Where the options of a training come from: what is given, what the run remembers, the recipe."""

from collections.abc import Mapping
from typing import Any

from pairgen.config import packaged_configs, read_yaml
from pairgen.resolution import Asking, ask
from pairgen.training.options import TrainConfig


def make_train_config(given: Mapping[str, Any]) -> TrainConfig:
    """Fill in the method's recipe and check everything.

    `name: value` for a name that is no option here is an option of the method, and
    `player.name: value` one of a player. These are merged one by one.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    return with_recipe(ask(TrainConfig, given))


def with_recipe(asking: Asking[TrainConfig]) -> TrainConfig:
    """Return the options, those that no source has taken from the recipe of the method.

    Raises:
        ConfigError: An option is missing or unknown, or a value is not allowed.
    """
    method = str(asking["method"] or "")
    return asking.below(f"recipe {method}", _recipe(method)).resolved().options


def recipe_players(method: str) -> list[str]:
    """Return the players that the recipe of a method has options for."""
    return list(_recipe(method).get("players") or {})


def _recipe(method: str) -> dict[str, Any]:
    """Return what `configs/train/` says of a method; nothing for a method without a file."""
    path = packaged_configs() / "train" / f"{method}.yaml"
    return read_yaml(path) if path.is_file() else {}

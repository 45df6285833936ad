"""Resolve the options of a training: given options, the run's own, the method's recipe."""

from collections.abc import Mapping
from typing import Any

from pairgen.config import packaged_configs, read_yaml
from pairgen.resolution import Asking, ask
from pairgen.training.options import TrainConfig


def make_train_config(given: Mapping[str, Any]) -> TrainConfig:
    """Fill in the method's recipe and check everything.

    `name: value` sets an option of the method if `name` is not an option of the training, and
    `player.name: value` sets an option of a player. These are merged one by one.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    return with_recipe(ask(TrainConfig, given))


def with_recipe(asking: Asking[TrainConfig]) -> TrainConfig:
    """Return the resolved options; the method's recipe comes below all other sources.

    Raises:
        ConfigError: An option is missing or unknown, or a value is not allowed.
    """
    method = str(asking["method"] or "")
    return asking.below(f"recipe {method}", _recipe(method)).resolved().options


def recipe_players(method: str) -> list[str]:
    """Return the names of the players in the recipe of a method."""
    return list(_recipe(method).get("players") or {})


def _recipe(method: str) -> dict[str, Any]:
    """Return the recipe of a method in `configs/train/`; empty if there is no file."""
    path = packaged_configs() / "train" / f"{method}.yaml"
    return read_yaml(path) if path.is_file() else {}

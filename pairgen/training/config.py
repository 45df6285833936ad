"""Resolve the options of a training: given options, the run's own, the method's recipe."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pairgen.config import did_you_mean, packaged_configs, read_yaml
from pairgen.errors import ConfigError
from pairgen.plugins import is_own, load, members
from pairgen.resolution import Sources, sources_of
from pairgen.training.options import TrainConfig


def make_train_config(given: Mapping[str, Any]) -> TrainConfig:
    """Fill in the method's recipe and check everything.

    `name: value` sets an option of the method if `name` is not an option of the training, and
    `player.name: value` sets an option of a player. These are merged one by one.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    return with_recipe(sources_of(TrainConfig, given))


def with_recipe(sources: Sources[TrainConfig]) -> TrainConfig:
    """Return the resolved options; the method's recipe comes below all other sources.

    Raises:
        ConfigError: An option is missing or unknown, or a value is not allowed.
    """
    method = str(sources["method"] or "")
    recipe = _recipe(method)
    # What has a recipe may be no method, such as latent-lpips.
    if method and not recipe and not is_own("methods", method) and method not in members("methods"):
        # What else is missing does not matter yet: this names the methods there are.
        load("methods", method)
    return sources.below(f"recipe {method}", recipe).resolved().options


def check_method_options(owner: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Refuse options that a method does not have.

    Args:
        owner: What the message calls the method.
        given: Names of the given options: every one that is not an option of the training.
        known: Names of the method's options.

    Raises:
        ConfigError: The method has no such option.
    """
    for name in given:
        if name not in known:
            hint = did_you_mean(name, [*known, *TrainConfig.model_fields])
            raise ConfigError(
                f"{owner} has no option {name!r}{hint}; known are "
                f"{', '.join(known) or 'none'}, and those of pairgen train."
            )


def recipe_players(method: str) -> list[str]:
    """Return the names of the players in the recipe of a method."""
    return list(_recipe(method).get("players") or {})


def _recipe(method: str) -> dict[str, Any]:
    """Return the recipe of a method in `configs/train/`; empty if there is no file."""
    path = packaged_configs() / "train" / f"{method}.yaml"
    return read_yaml(path) if path.is_file() else {}
